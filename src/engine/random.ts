/** The only source of chance. Tests pass a seeded one. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
}
