"use strict";

/** The least width of a card, its height, and the gap between cards, pixels. */
const cardWidth = 268;
const cardHeight = 345;
const gap = 14;

/** A grid that holds only the cards in sight: ten thousand jobs scroll as well as ten. */
class Grid {
  constructor(place, makeCard) {
    this.place = place;
    this.makeCard = makeCard;
    this.entries = [];
    this.cards = new Map();
    const draw = () => this.draw();
    addEventListener("scroll", draw, { passive: true });
    addEventListener("resize", draw);
    place.addEventListener("keydown", (event) => this.step(event));
  }

  /** Shows these jobs. */
  set(entries) {
    this.entries = entries;
    for (const [index, card] of this.cards) {
      if (entries[index] !== card.entry) this.drop(index);
    }
    this.draw();
  }

  layout() {
    const width = this.place.clientWidth;
    const columns = Math.max(1, Math.floor((width + gap) / (cardWidth + gap)));
    return { columns, width: (width - gap * (columns - 1)) / columns };
  }

  draw() {
    const { columns, width } = this.layout();
    const rows = Math.ceil(this.entries.length / columns);
    this.place.style.height = `${Math.max(0, rows * (cardHeight + gap) - gap)}px`;
    const top = this.place.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(-top / (cardHeight + gap)) - 1) * columns;
    const last = Math.min(this.entries.length, (Math.ceil((innerHeight - top) / (cardHeight + gap)) + 1) * columns);
    const focused = document.activeElement?.closest(".card");
    for (const [index, card] of this.cards) {
      if ((index < first || index >= last) && card !== focused) this.drop(index);
    }
    for (let index = first; index < last; index += 1) this.card(index, columns, width);
    if (focused && this.cards.get(focused.index) === focused) this.card(focused.index, columns, width);
  }

  card(index, columns, width) {
    let card = this.cards.get(index);
    if (!card) {
      card = this.makeCard(this.entries[index]);
      card.entry = this.entries[index];
      card.index = index;
      card.setAttribute("aria-posinset", index + 1);
      this.cards.set(index, card);
      // In the order of the jobs, so that Tab follows it.
      const next = [...this.place.children].find((other) => other.index > index);
      this.place.insertBefore(card, next ?? null);
    }
    card.setAttribute("aria-setsize", this.entries.length);
    card.style.left = `${(index % columns) * (width + gap)}px`;
    card.style.top = `${Math.floor(index / columns) * (cardHeight + gap)}px`;
    card.style.width = `${width}px`;
    card.style.height = `${cardHeight}px`;
    return card;
  }

  drop(index) {
    this.cards.get(index).remove();
    this.cards.delete(index);
  }

  /** Moves the focus by arrow keys, Home and End. */
  step(event) {
    const card = event.target.closest(".card");
    if (!card || event.altKey || event.ctrlKey || event.metaKey) return;
    const { columns, width } = this.layout();
    const ways = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns,
      Home: -card.index, End: this.entries.length - 1 - card.index,
    };
    if (!(event.key in ways)) return;
    event.preventDefault();
    const index = card.index + ways[event.key];
    if (index < 0 || index >= this.entries.length) return;
    const target = this.card(index, columns, width);
    const link = target.querySelector("a");
    link.focus({ preventScroll: true });
    target.scrollIntoView({ block: "nearest" });
    this.draw();
  }
}
