"""What every page of the program needs: who comes in, its socket, its files."""
