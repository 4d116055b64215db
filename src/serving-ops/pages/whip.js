// A WHIP client (RFC 9725): offers one video, and ends the session with DELETE.

const GATHER_MS = 1_000;

/**
 * Publishes the video of a stream. Resolves when the answer is there; `onState` follows the connection.
 * Rejects with what the server says when it refuses.
 */
export async function publish(endpoint, stream, { codec, headers = {}, onState = () => {} }) {
  const peer = new RTCPeerConnection();
  try {
    const transceiver = peer.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', streams: [stream] });
    const preferred = RTCRtpSender.getCapabilities('video').codecs.filter(({ mimeType }) => codec === undefined || mimeType.toLowerCase() === `video/${codec.toLowerCase()}`);
    if (preferred.length > 0) transceiver.setCodecPreferences(preferred);
    peer.addEventListener('connectionstatechange', () => onState(peer.connectionState));
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const answer = await fetch(endpoint, { method: 'POST', headers: { ...headers, 'content-type': 'application/sdp' }, body: peer.localDescription.sdp });
    if (answer.status !== 201) throw new Error(await refusal(answer));
    const session = new URL(answer.headers.get('location'), new URL(endpoint, location.href)).href;
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    return {
      peer, session,
      async end() {
        await fetch(session, { method: 'DELETE', headers, keepalive: true }).catch(() => undefined);
        peer.close();
      },
    };
  } catch (error) {
    peer.close();
    throw error;
  }
}

/** The offer holds the candidates, so that none need to be sent later. */
function gathered(peer) {
  if (peer.iceGatheringState === 'complete') return undefined;
  return new Promise((resolve) => {
    const done = () => { if (peer.iceGatheringState === 'complete') resolve(); };
    peer.addEventListener('icegatheringstatechange', done);
    setTimeout(resolve, GATHER_MS);
  });
}

async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  return problem.detail ?? `the server answered ${answer.status}`;
}
