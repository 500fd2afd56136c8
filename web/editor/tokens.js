// How many tokens a prompt has: CLIP's byte-level byte-pair encoding, as Sources/Engine/Diffusion/CLIP/Tokenizer.swift has it,
// with the merges of the starter model. Another model's vocabulary splits fewer words, so it reads at least as much.

class PromptTokens {
  static get ranks() {
    PromptTokens.table ??= new Map(TABLES.tokens.merges.split("\n").map((merge, i) => [merge, i]));
    return PromptTokens.table;
  }

  /** The character that stands for each byte. */
  static get byteNames() {
    if (!PromptTokens.names) {
      let next = 256;
      PromptTokens.names = Array.from({ length: 256 }, (_, byte) => {
        const isShown = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
        return String.fromCharCode(isShown ? byte : next++);
      });
    }
    return PromptTokens.names;
  }

  static count(text) {
    const plain = text.normalize("NFC").replace(/\s+/gu, " ").toLowerCase();
    const pieces = plain.match(
      /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu) ?? [];
    return pieces.reduce((sum, piece) => sum + (/^<\|(start|end)oftext\|>$/.test(piece) ? 1 : PromptTokens.merge(piece)), 0);
  }

  /** The number of tokens of a piece: the pair of lowest rank is merged, all its places at once, until none is left. */
  static merge(piece) {
    let parts = Array.from(new TextEncoder().encode(piece), (byte) => PromptTokens.byteNames[byte]);
    parts[parts.length - 1] += "</w>";
    while (parts.length > 1) {
      let best = null;
      for (let i = 0; i + 1 < parts.length; i++) {
        const rank = PromptTokens.ranks.get(`${parts[i]} ${parts[i + 1]}`);
        if (rank !== undefined && (!best || rank < best.rank)) best = { rank, left: parts[i], right: parts[i + 1] };
      }
      if (!best) break;
      const merged = [];
      for (let i = 0; i < parts.length; i++) {
        if (parts[i] === best.left && parts[i + 1] === best.right) {
          merged.push(best.left + best.right);
          i++;
        } else merged.push(parts[i]);
      }
      parts = merged;
    }
    return parts.length;
  }

  /** What is lost of a prompt that is too long, in the program's words; null where all is read. */
  static noteOfCut(prompt, name) {
    if (new TextEncoder().encode(prompt).length <= 64) return null;
    const words = prompt.split(/\s+/u).filter((word) => word);
    const limit = TABLES.tokens.length - 2;
    let left = limit;
    for (const [i, word] of words.entries()) {
      left -= PromptTokens.count(word);
      if (left >= 0) continue;
      const count = words.length - i;
      const lost = count === 1 ? "its last word is lost:" : `its last ${count} words are lost, from`;
      return `the model reads ${limit} tokens of a text and ${name} has more: ${lost} \`${word}\` (word ${i + 1})`
        + (count === 1 ? "" : " on");
    }
    return null;
  }
}
