import Failures
import Foundation

/// A token that the tokenizer matches as a whole before it cuts the text into words.
struct AddedToken: Sendable, Equatable {
    let content: String
    let id: Int
    /// Whether it is matched in the normalised (lower-case) text instead of the text as written.
    let isNormalized: Bool
    /// Whether a match must not touch letters or digits.
    let isSingleWord: Bool
    /// Whether a file gives its id.
    let isDeclared: Bool

    init(
        content: String, id: Int, isNormalized: Bool, isSingleWord: Bool = false, isDeclared: Bool = true
    ) {
        self.content = content
        self.id = id
        self.isNormalized = isNormalized
        self.isSingleWord = isSingleWord
        self.isDeclared = isDeclared
    }

    /// A token as the tokenizers library writes one: `{"content": …, "normalized": …, "single_word": …, "special": …}`.
    /// White space beside it, `lstrip` and `rstrip`, makes no difference: CLIP drops it.
    init?(_ value: Any, id: Int) {
        guard let fields = value as? [String: Any], let content = fields["content"] as? String,
            !content.isEmpty
        else { return nil }
        let isSpecial = fields["special"] as? Bool ?? false
        self.init(
            content: content, id: id, isNormalized: fields["normalized"] as? Bool ?? !isSpecial,
            isSingleWord: fields["single_word"] as? Bool ?? false)
    }

    /// A special token in a configuration, written as a string or as an object with its `content`; nil where it is absent.
    init?(_ config: ConfigFile, _ key: String) throws(Failure) {
        guard config.isSet(key) else { return nil }
        guard let content = config.text(key) ?? config.section(key).text("content") else { return nil }
        self.init(content: content, id: 0, isNormalized: false)
    }
}

/// Cuts added tokens out of a text, as the tokenizers library does. It first matches the tokens of the text as written. It
/// normalises the rest, and matches the other tokens there. Where several match, the longest wins.
struct AddedTokens: Sendable {
    /// A part of a text.
    enum Part: Equatable {
        /// Normalised text.
        case text(String)
        /// An added token's id.
        case token(Int)
    }

    private struct Pattern: Sendable {
        let bytes: [UInt8]
        let id: Int
        let isSingleWord: Bool
    }

    private let written, normalized: [UInt8: [Pattern]]

    init(_ tokens: [AddedToken]) {
        func patterns(_ tokens: [AddedToken], _ text: (String) -> String) -> [UInt8: [Pattern]] {
            let all = tokens.map {
                Pattern(bytes: Array(text($0.content).utf8), id: $0.id, isSingleWord: $0.isSingleWord)
            }
            let longestFirst = all.filter { !$0.bytes.isEmpty }.sorted { $0.bytes.count > $1.bytes.count }
            return Dictionary(grouping: longestFirst) { $0.bytes[0] }
        }
        written = patterns(tokens.filter { !$0.isNormalized }) { $0 }
        normalized = patterns(tokens.filter(\.isNormalized), Tokenizer.normalized)
    }

    func parts(of prompt: String) -> [Part] {
        Self.cut(Array(prompt.utf8), by: written).flatMap { part -> [Part] in
            guard case .text(let text) = part else { return [part] }
            return Self.cut(Array(Tokenizer.normalized(text).utf8), by: normalized)
        }
    }

    private static func cut(_ text: [UInt8], by patterns: [UInt8: [Pattern]]) -> [Part] {
        var parts: [Part] = []
        var start = 0
        var i = 0
        func flush(to end: Int) {
            if start < end { parts.append(.text(String(decoding: text[start..<end], as: UTF8.self))) }
        }
        while i < text.count {
            guard let found = patterns[text[i]]?.first(where: { text[i...].starts(with: $0.bytes) }) else {
                i += 1
                continue
            }
            let end = i + found.bytes.count
            if !found.isSingleWord || !isWord(text[..<i], atEnd: true) && !isWord(text[end...], atEnd: false)
            {
                flush(to: i)
                parts.append(.token(found.id))
                start = end
            }
            i = end
        }
        flush(to: text.count)
        return parts
    }

    /// Whether a text begins or ends with a character of a word.
    private static func isWord(_ text: ArraySlice<UInt8>, atEnd: Bool) -> Bool {
        let scalars = String(decoding: text, as: UTF8.self).unicodeScalars
        guard let scalar = atEnd ? scalars.last : scalars.first else { return false }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return scalar.properties.isAlphabetic || scalar.properties.isJoinControl
        }
    }
}
