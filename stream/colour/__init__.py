"""More than eight bits and more light than a page's white: how videos code them, and screens."""
