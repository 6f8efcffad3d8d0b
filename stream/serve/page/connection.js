// The connection of one visit: how it is made, and what it counts.

// Addresses are in the offer itself; a server that tells more of them gets two seconds.
export function gathered(peer) {
  return new Promise((resolve) => {
    const done = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, 2000);
    done();
  });
}

// A smaller picture would make the server forget its masks; fewer frames do not.
export async function preferResolution(sender) {
  const parameters = sender.getParameters();
  parameters.degradationPreference = "maintain-resolution";
  for (const encoding of parameters.encodings ?? []) encoding.maxBitrate = 1_500_000;
  await sender.setParameters(parameters).catch(() => {});
}

// What went out and came in so far, null before anything did.
export async function videoCounts(peer) {
  const entries = [...(await peer.getStats()).values()];
  const incoming = entries.find((entry) => entry.type === "inbound-rtp" && entry.kind === "video");
  const outgoing = entries.find((entry) => entry.type === "outbound-rtp" && entry.kind === "video");
  if (!incoming || !outgoing) return null;
  return {
    at: incoming.timestamp, frames: incoming.framesDecoded, encoded: outgoing.framesEncoded,
    encodeS: outgoing.totalEncodeTime, decodeS: incoming.jitterBufferDelay + incoming.totalDecodeTime,
    width: incoming.frameWidth, height: incoming.frameHeight,
  };
}

// How long a frame is in this browser between two counts: the encoder, the frame after it that
// the server waits for, the buffer and the decoder.
export function browserMs(last, count) {
  const numEncoded = count.encoded - last.encoded;
  const encodeS = (count.encodeS - last.encodeS) / numEncoded;
  const frameS = (count.at - last.at) / 1000 / numEncoded;
  const decodeS = (count.decodeS - last.decodeS) / (count.frames - last.frames);
  return 1000 * (encodeS + frameS + decodeS);
}
