import Failures
import Foundation

/// CLIP's byte-level byte-pair encoding.
///
/// It first cuts added tokens out of the text. It brings the rest to NFC, folds white space, makes letters lower case, and cuts
/// the text into words, digits and runs of other characters. It merges each piece's bytes by rank. Its files: `TokenizerFiles`.
public struct Tokenizer: Sendable {
    private let vocabulary: [String: Int]
    private let ranks: [String: Int]
    private let added: AddedTokens
    private let start, end, pad, unknown: Int
    /// The number of ids of every prompt, padding included.
    public let length: Int
    /// Smallest and largest id.
    let ids: ClosedRange<Int>
    /// The token with the largest id, for messages.
    let last: String
    /// A description for people: the number of words, the added tokens, the padding.
    public let description: String

    /// Reads a tokenizer's folder.
    ///
    /// - Throws: `model.missing`, `model.config`, `model.unsupported` naming file and word: vocabulary and merges do not belong
    ///   together, a token has two ids, or the tokenizer is of another kind.
    public init(folder: String) throws(Failure) {
        let files = try TokenizerFiles(folder: folder)
        vocabulary = files.words
        // Where a merge is listed twice, the later rank counts, as in the tokenizers library.
        ranks = Dictionary(
            files.merges.enumerated().map { ("\($1.left) \($1.right)", $0) }, uniquingKeysWith: { $1 })
        added = AddedTokens(files.added)
        length = files.length
        let byName = Dictionary(
            files.added.map { ($0.content, $0.id) }, uniquingKeysWith: { first, _ in first })
        let all = files.words.merging(byName) { $1 }
        func id(_ token: String) -> Int { all[token] ?? 0 }
        (start, end, pad, unknown) = (id(files.start), id(files.end), id(files.pad), id(files.unknown))
        let largest = all.max { $0.value < $1.value }
        ids = min(0, all.values.min() ?? 0)...(largest?.value ?? 0)
        last = largest?.key ?? ""
        let own = files.added.map(\.content).filter { files.words[$0] == nil }
        description =
            "\(files.words.count) words and \(files.merges.count) merges of \(files.source), \(length) ids, padded with `\(files.pad)`"
            + (own.isEmpty ? "" : ", added: \(own.prefix(8).joined(separator: ", "))")
            + (own.count > 8 ? " and \(own.count - 8) more" : "")
    }

    /// The ids of a prompt: start, text, end, padded to `length`. A longer text loses its end, but not the end token.
    public func ids(_ prompt: String) -> [Int] {
        let text = Array(textIDs(prompt).prefix(length - 2))
        return [start] + text + [end] + Array(repeating: pad, count: length - 2 - text.count)
    }

    func textIDs(_ prompt: String) -> [Int] {
        added.parts(of: prompt).flatMap { part -> [Int] in
            switch part {
            case .token(let id): [id]
            case .text(let text): Self.pieces(text).flatMap { merge(Self.byteCharacters($0)) }
            }
        }
    }

    /// A text in NFC and lower case, with one space for every run of white space. It works scalar by scalar: Swift takes a CRLF,
    /// or a space with a combining accent, for one character.
    static func normalized(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var isSpace = false
        for scalar in text.precomposedStringWithCanonicalMapping.unicodeScalars {
            defer { isSpace = scalar.properties.isWhitespace }
            if scalar.properties.isWhitespace {
                if !isSpace { result.append(" ") }
            } else {
                result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return String(result)
    }

    /// Cuts a text into contractions, words, single digits and runs of anything else.
    private static func pieces(_ text: String) -> [String] {
        let scalars = Array(text.unicodeScalars)
        func isLetter(_ s: Unicode.Scalar) -> Bool {
            switch s.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
            default: false
            }
        }
        func isNumber(_ s: Unicode.Scalar) -> Bool {
            switch s.properties.generalCategory {
            case .decimalNumber, .letterNumber, .otherNumber: true
            default: false
            }
        }
        func isOther(_ s: Unicode.Scalar) -> Bool {
            !s.properties.isWhitespace && !isLetter(s) && !isNumber(s)
        }
        func string(_ range: Range<Int>) -> String {
            var result = String.UnicodeScalarView()
            result.append(contentsOf: scalars[range])
            return String(result)
        }
        var found: [String] = []
        var i = 0
        while i < scalars.count {
            // In capitals these are no tokens: the signs and the letters become pieces of their own.
            if let name = ["startoftext", "endoftext"].first(where: {
                let end = i + $0.utf8.count + 4
                return end <= scalars.count && scalars[i] == "<" && string(i..<end) == "<|\($0)|>"
            }) {
                found += ["<|", name, "|>"]
                i += name.utf8.count + 4
                continue
            }
            let contraction = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].first { mark in
                let end = i + mark.unicodeScalars.count
                return end <= scalars.count && string(i..<end) == mark
            }
            var end = i + 1
            if let contraction {
                end = i + contraction.unicodeScalars.count
            } else if isLetter(scalars[i]) {
                while end < scalars.count, isLetter(scalars[end]) { end += 1 }
            } else if isOther(scalars[i]) {
                while end < scalars.count, isOther(scalars[end]) { end += 1 }
            } else if !isNumber(scalars[i]) {
                i += 1  // white space
                continue
            }
            found.append(string(i..<end))
            i = end
        }
        return found
    }

    /// The characters that stand for a piece's bytes in the vocabulary.
    private static func byteCharacters(_ piece: String) -> [String] { piece.utf8.map { byteNames[Int($0)] } }

    /// The character that stands for each byte.
    static let byteNames: [String] = {
        let printable = Set(33...126).union(161...172).union(174...255)
        var next: UInt32 = 256
        return (0..<256).map { byte -> String in
            if printable.contains(byte) { return String(UnicodeScalar(UInt8(byte))) }
            defer { next += 1 }
            return UnicodeScalar(next).map { String(Character($0)) } ?? ""
        }
    }()

    /// Merges the pair of lowest rank in all its places at once, until no pair has a rank.
    private func merge(_ characters: [String]) -> [Int] {
        var parts = characters
        parts[parts.count - 1] += "</w>"
        while parts.count > 1 {
            let best = (0..<parts.count - 1).compactMap { i in
                ranks["\(parts[i]) \(parts[i + 1])"].map { ($0, i) }
            }
            .min { $0 < $1 }
            guard let best else { break }
            let (left, right) = (parts[best.1], parts[best.1 + 1])
            var merged: [String] = []
            var i = 0
            while i < parts.count {
                if i + 1 < parts.count, parts[i] == left, parts[i + 1] == right {
                    merged.append(left + right)
                    i += 2
                } else {
                    merged.append(parts[i])
                    i += 1
                }
            }
            parts = merged
        }
        return parts.map { vocabulary[$0] ?? unknown }
    }
}
