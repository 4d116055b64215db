/**
 * Pairs rows with columns so that the sum of the pairs' costs, and of `limit` for each row left alone, is the least there is: a pair never costs more than `limit`.
 * Shortest augmenting paths with dual prices (Jonker & Volgenant 1987, as written for rectangles by Crouse 2016, doi 10.1109/TAES.2016.140952);
 * O(rows² · (rows + columns)). Returns the column of each row, -1 for none.
 * @param cost `[rows, columns]`, row-major, finite
 */
export function assign(cost: Float64Array, rows: number, columns: number, limit: number): Int32Array {
  return new Assignment(cost, rows, columns, limit).solve();
}

class Assignment {
  readonly #cost: Float64Array;
  readonly #rows: number;
  readonly #columns: number;
  readonly #limit: number;
  /** Besides the real columns, one for each row to be left alone in. */
  readonly #all: number;
  readonly #rowPrice: Float64Array;
  readonly #columnPrice: Float64Array;
  readonly #columnOf: Int32Array;
  readonly #rowOf: Int32Array;
  readonly #reach: Float64Array;
  readonly #from: Int32Array;
  readonly #isDone: Uint8Array;

  constructor(cost: Float64Array, rows: number, columns: number, limit: number) {
    this.#cost = cost;
    this.#rows = rows;
    this.#columns = columns;
    this.#limit = limit;
    this.#all = columns + rows;
    this.#rowPrice = new Float64Array(rows);
    this.#columnPrice = new Float64Array(this.#all);
    this.#columnOf = new Int32Array(rows).fill(-1);
    this.#rowOf = new Int32Array(this.#all).fill(-1);
    this.#reach = new Float64Array(this.#all);
    this.#from = new Int32Array(this.#all);
    this.#isDone = new Uint8Array(this.#all);
  }

  solve(): Int32Array {
    for (let row = 0; row < this.#rows; row += 1) this.#augment(row, this.#shortestPath(row));
    return this.#columnOf.map(column => (column < this.#columns ? column : -1));
  }

  /** The free column that is the cheapest to reach from `start` over pairs that exist; prices are brought up to date. */
  #shortestPath(start: number): number {
    this.#reach.fill(Number.POSITIVE_INFINITY);
    this.#isDone.fill(0);
    let row = start;
    let cost = 0;
    for (;;) {
      const column = this.#scan(row, cost);
      cost = this.#reach[column] ?? cost;
      this.#isDone[column] = 1;
      const owner = this.#rowOf[column] ?? -1;
      if (owner < 0) {
        this.#reprice(start, cost);
        return column;
      }
      row = owner;
    }
  }

  /** Takes the pairs of `row` into account; gives the nearest column that is not done, a free one before others. */
  #scan(row: number, cost: number): number {
    let nearest = -1;
    let least = Number.POSITIVE_INFINITY;
    const offset = row * this.#columns;
    const base = cost - (this.#rowPrice[row] ?? 0);
    for (let column = 0; column < this.#all; column += 1) {
      if (this.#isDone[column] === 1) continue;
      const pair = column < this.#columns ? this.#cost[offset + column] ?? 0 : this.#limit;
      const here = base + pair - (this.#columnPrice[column] ?? 0);
      let reach = this.#reach[column] ?? here;
      if (here < reach) {
        reach = here;
        this.#reach[column] = here;
        this.#from[column] = row;
      }
      if (reach < least || (reach === least && this.#rowOf[column] === -1)) {
        least = reach;
        nearest = column;
      }
    }
    return nearest;
  }

  #reprice(start: number, cost: number): void {
    this.#rowPrice[start] = (this.#rowPrice[start] ?? 0) + cost;
    for (let column = 0; column < this.#all; column += 1) {
      if (this.#isDone[column] === 0) continue;
      const slack = cost - (this.#reach[column] ?? 0);
      const owner = this.#rowOf[column] ?? -1;
      if (owner >= 0) this.#rowPrice[owner] = (this.#rowPrice[owner] ?? 0) + slack;
      this.#columnPrice[column] = (this.#columnPrice[column] ?? 0) - slack;
    }
  }

  /** Turns the pairs along the path over. */
  #augment(start: number, end: number): void {
    for (let column = end; ;) {
      const row = this.#from[column] ?? start;
      this.#rowOf[column] = row;
      const before = this.#columnOf[row] ?? -1;
      this.#columnOf[row] = column;
      if (row === start) return;
      column = before;
    }
  }
}
