/// The words of a prompt beyond the encoder's length, which the encoder does not read.
public struct PromptCut: Sendable, Equatable {
    /// How many tokens of a text the encoder reads.
    public let tokens: Int
    /// The first word that the encoder does not read as a whole.
    public let firstWord: String
    /// Which word of the prompt that is, from 1.
    public let position: Int
    /// How many words are lost, including that one.
    public let count: Int
}

extension Tokenizer {
    /// The words that a prompt loses when it is cut to `length` ids; nil where it fits.
    public func cut(_ prompt: String) -> PromptCut? {
        let words = prompt.split(whereSeparator: \.isWhitespace).map(String.init)
        var left = length - 2
        // No merge crosses a blank, so the tokens of a prompt are those of its words.
        for (i, word) in words.enumerated() {
            left -= textIDs(word).count
            if left < 0 {
                return PromptCut(
                    tokens: length - 2, firstWord: word, position: i + 1, count: words.count - i)
            }
        }
        return nil
    }
}
