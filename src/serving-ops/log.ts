/** Where serving writes its log lines: a constant sentence and fields. pino satisfies it. */
export interface ServingLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
