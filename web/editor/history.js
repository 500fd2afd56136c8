// Undo and redo. An entry is a state of the document, and what painting changed on the way to it.

const MOST_PAINTED_BYTES = 400_000_000;

class EditHistory {
  constructor(state) { this.reset(state); }

  reset(state) {
    this.entries = [{ state, paint: null, key: null }];
    this.index = 0;
  }

  get state() { return this.entries[this.index].state; }
  get canUndo() { return this.index > 0; }
  get canRedo() { return this.index + 1 < this.entries.length; }

  /** Adds a state. Changes of one key (typing into a field) within a second make one entry. */
  push(state, key = null, paint = null) {
    const now = performance.now();
    const last = this.entries[this.index];
    if (key !== null && last.key === key && now - last.time < 1000) {
      this.entries[this.index] = { ...last, state, time: now };
      this.entries.length = this.index + 1;
      return;
    }
    this.entries.length = this.index + 1;
    this.entries.push({ state, paint, key, time: now });
    while (this.entries.length > 200 || (this.entries.length > 2 && this.paintedBytes > MOST_PAINTED_BYTES)) this.entries.shift();
    this.index = this.entries.length - 1;
  }

  get paintedBytes() {
    return this.entries.reduce((sum, { paint }) => sum + (paint ? paint.before.length + paint.after.length : 0), 0);
  }

  /** Steps back or forward; `repaint(paint, part)` gets the pixels to put back. */
  step(by, repaint) {
    if (by < 0 ? !this.canUndo : !this.canRedo) return false;
    const { paint } = this.entries[by < 0 ? this.index : this.index + 1];
    if (paint) repaint(paint, by < 0 ? paint.before : paint.after);
    this.index += by;
    return true;
  }
}
