import { childrenOf, descend, finite, textAt, type XmlElement } from './xml.ts';

/** A service of a device. */
export interface OnvifService {
  /** `device`, `media`, `media2`, `events`, `ptz`, `imaging`, `recording`, `search`, `replay`, `analytics`, … */
  readonly name: string;
  /** Empty where the device only named the service. */
  readonly namespace: string;
  /** As the device says: it may not be reachable from here (`serviceUrl`). */
  readonly address: string;
  readonly version: string;
}

const SERVICES_MAX = 64;

/** Services of a `GetServicesResponse`; those of makers are left out. */
export function readServices(answer: XmlElement): readonly OnvifService[] {
  return childrenOf(answer, 'Service').slice(0, SERVICES_MAX).flatMap(service => {
    const [namespace, address] = [textAt(service, 'Namespace'), textAt(service, 'XAddr')];
    const [, version, name] = /^https?:\/\/www\.onvif\.org\/(ver\d+)\/([a-z0-9]+)/i.exec(namespace ?? '') ?? [];
    if (namespace === undefined || address === undefined || version === undefined || name === undefined) return [];
    const [major, minor] = ['Major', 'Minor'].map(part => finite(textAt(service, 'Version', part)) ?? 0);
    return [{ name: nameOf(version, name), namespace, address, version: `${String(major)}.${String(minor)}` }];
  });
}

/** Media2 is told from Media by its version only; the events' folder is named in the plural, that of the I/O of a device in two ways. */
function nameOf(version: string, folder: string): string {
  const name = folder.toLowerCase();
  if (name === 'media' && version === 'ver20') return 'media2';
  return name === 'deviceio' ? 'deviceIO' : name;
}

/** Services of a `GetCapabilitiesResponse`, of devices from before GetServices. */
export function readCapabilities(answer: XmlElement): readonly OnvifService[] {
  const capabilities = descend(answer, 'Capabilities');
  const all = [...capabilities?.children ?? [], ...descend(capabilities, 'Extension')?.children ?? []];
  return all.slice(0, SERVICES_MAX).flatMap(service => {
    const address = textAt(service, 'XAddr');
    return address === undefined ? [] : [{ name: nameOf('ver10', service.name), namespace: '', address, version: '' }];
  });
}
