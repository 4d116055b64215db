import type { OnvifDevice } from './connect-onvif.ts';
import { descend, type XmlElement } from './xml.ts';

/** What a device says it is: texts exactly as it sent them, whatever they look like. Empty where it says nothing. */
export interface DeviceInformation {
  readonly manufacturer: string;
  readonly model: string;
  readonly firmwareVersion: string;
  readonly serialNumber: string;
  readonly hardwareId: string;
}

/** Asks a device what it is. @throws as `OnvifDevice.ask` */
export async function deviceInformation(device: OnvifDevice, signal: AbortSignal): Promise<DeviceInformation> {
  return readDeviceInformation(await device.ask(client => { client.getDeviceInformation(() => { /* not sent by it */ }); }, signal));
}

const LENGTH_MAX = 500;

/** Reads a `GetDeviceInformationResponse`. */
export function readDeviceInformation(answer: XmlElement): DeviceInformation {
  const text = (name: string): string => (descend(answer, name)?.text ?? '').slice(0, LENGTH_MAX);
  return { manufacturer: text('Manufacturer'), model: text('Model'), firmwareVersion: text('FirmwareVersion'), serialNumber: text('SerialNumber'), hardwareId: text('HardwareId') };
}
