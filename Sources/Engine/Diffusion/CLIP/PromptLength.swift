/// The words of a prompt that its encoder does not see, as there are too many before them.
public struct PromptCut: Sendable, Equatable {
    /// How many tokens of a text are read.
    public let tokens: Int
    /// The first word that is not read, or not whole.
    public let firstWord: String
    /// Which word of the prompt that is, from 1.
    public let position: Int
    /// How many words are lost, that one included.
    public let count: Int
}

extension Tokenizer {
    /// What of a prompt is lost when it is cut to `length` ids; nil where it fits.
    public func cut(_ prompt: String) -> PromptCut? {
        let words = prompt.split(whereSeparator: \.isWhitespace).map(String.init)
        var left = length - 2
        // Merges do not go over blanks: the tokens of a prompt are those of its words.
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
