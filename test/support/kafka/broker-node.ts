/** One broker of a test cluster. */
export interface BrokerNode {
  /** `host:port` for clients on this machine. */
  readonly address: string;
  /** What it wrote. */
  readonly log: string;
  readonly isRunning: boolean;
  /** Prepares empty storage. */
  format(): Promise<void>;
  /** Begins to start; it is ready when it answers. */
  start(): Promise<void>;
  /** Resolves when it has ended; its storage stays. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Stops it from running without its knowledge, or lets it go on. */
  pause(isPaused: boolean): void;
}
