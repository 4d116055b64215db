import { connect } from 'node:net';

const METADATA = 3, VERSION = 1;
const ANSWER_LIMIT_MS = 2000;

/**
 * How many brokers of the cluster this one knows to be alive; 0 while it does not answer. The request is written by hand, so that the rig
 * depends on no client. Metadata v1: request => [topics]; response => [node_id host port rack] controller_id … (KIP-4).
 */
export function aliveBrokers(address: string): Promise<number> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    let bytes = Buffer.alloc(0);
    const end = (count: number): void => { socket.destroy(); resolve(count); };
    socket.setTimeout(ANSWER_LIMIT_MS, () => end(0));
    socket.on('error', () => end(0));
    socket.on('close', () => end(0));
    socket.on('connect', () => socket.write(metadataRequest()));
    socket.on('data', (part: Buffer) => {
      bytes = Buffer.concat([bytes, part]);
      if (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) end(bytes.readInt32BE(8));
    });
  });
}

/** Length, api key, version, correlation id, client id, and an empty list of topics: none, only the brokers. */
function metadataRequest(): Buffer {
  const client = Buffer.from('rig');
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + client.length + 4);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(METADATA, 4);
  request.writeInt16BE(VERSION, 6);
  request.writeInt16BE(client.length, 12);
  client.copy(request, 14);
  return request;
}
