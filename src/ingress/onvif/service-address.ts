import { PlatformError } from '../../engine/errors.ts';

/** Where a device was asked for. */
export interface DeviceAddress {
  /** Name or address; IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  /** HTTPS. */
  readonly isSecure: boolean;
  /** Of its device service. */
  readonly path: string;
}

/** Path of the device service (ONVIF Core specification, section 5.1.1). */
export const DEVICE_SERVICE = '/onvif/device_service';

/** The device service. */
export function deviceUrl({ host, port, isSecure, path }: DeviceAddress): URL {
  return new URL(`${isSecure ? 'https' : 'http'}://${host}:${port}${path}`);
}

/**
 * Where a service of a device is asked for that says it is at `address`. Devices behind a router, or set up wrongly, name addresses that cannot be
 * reached: the host is always the one that answered, so that an answer cannot send requests elsewhere either. The port is the service's own where the
 * device names the host as it was asked for; else the device does not know how it is reached, and the port is the one that answered too.
 * @throws PlatformError ONVIF_INVALID when it is no HTTP address
 */
export function serviceUrl(address: string, device: DeviceAddress): URL {
  const base = deviceUrl(device);
  let url: URL;
  try {
    url = new URL(address.trim(), base);
  } catch (error) {
    throw new PlatformError('ONVIF_INVALID', `'${address.slice(0, 80)}' is no address of a service`, {}, error);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new PlatformError('ONVIF_INVALID', `'${address.slice(0, 80)}' is no HTTP address of a service`, {});
  if (url.hostname === base.hostname && (url.protocol === base.protocol || !device.isSecure)) {
    url.username = '';
    url.password = '';
    return url;
  }
  return placed(base, url);
}

/** The path of `url` at `base`. Parts are set, not joined: a path may look like a host. */
function placed(base: URL, { pathname, search }: URL): URL {
  const at = new URL(base);
  at.pathname = pathname.startsWith('/') ? pathname : `/${pathname}`;
  at.search = search;
  return at;
}

/** Where the schemes of streams and pictures are served when a URI does not say. */
const PORTS: Readonly<Record<string, number>> = { 'rtsp:': 554, 'rtsps:': 322, 'http:': 80, 'https:': 443 };

/**
 * A stream or picture URI that a device gave, at the host that the device was asked at; its port stays, as streams have their own.
 * @throws PlatformError ONVIF_INVALID when its scheme is none of `schemes`
 */
export function mediaUrl(address: string, device: DeviceAddress, schemes: readonly string[]): URL {
  let url: URL;
  try {
    url = new URL(address.trim());
  } catch (error) {
    throw new PlatformError('ONVIF_INVALID', 'the device gave what is no URI of a stream', {}, error);
  }
  if (!schemes.includes(url.protocol)) throw new PlatformError('ONVIF_INVALID', `the device gave a stream as '${url.protocol.slice(0, 20)}' (known: ${schemes.join(', ')})`, {});
  const port = url.port === '' ? PORTS[url.protocol] : Number(url.port);
  return placed(new URL(`${url.protocol}//${device.host}:${String(port)}/`), url);
}
