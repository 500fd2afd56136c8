import Failures
import Foundation

/// CLIP's byte-level byte-pair encoding.
///
/// Text is brought to NFC, white space folded, lower-cased, cut into words, digits and runs of other characters; each
/// piece's bytes are merged by rank. Files: `vocab.json`, `merges.txt`, `tokenizer_config.json`,
/// `special_tokens_map.json`.
public struct Tokenizer: Sendable {
    private let vocabulary: [String: Int]
    private let ranks: [String: Int]
    private let specials: [String: Int]
    private let start, end, pad, unknown: Int
    /// How many ids a prompt becomes.
    public let length: Int
    /// Smallest and largest id.
    let ids: ClosedRange<Int>

    /// Reads a tokenizer's folder.
    public init(folder: String) throws(Failure) {
        let config = try ConfigFile(path: folder + "/tokenizer_config.json")
        let mapPath = folder + "/special_tokens_map.json"
        let map = FileManager.default.fileExists(atPath: mapPath) ? try ConfigFile(path: mapPath) : config
        guard let data = FileManager.default.contents(atPath: folder + "/vocab.json"),
            let vocabulary = (try? JSONSerialization.jsonObject(with: data)) as? [String: Int],
            let least = vocabulary.values.min(), let most = vocabulary.values.max()
        else {
            throw Failure(
                .badModel, code: "model.missing",
                message: "\(folder)/vocab.json is not there or no vocabulary",
                hint: "Copy the model's tokenizer folder again.")
        }
        guard let merges = try? String(contentsOfFile: folder + "/merges.txt", encoding: .utf8) else {
            throw Failure(
                .badModel, code: "model.missing", message: "\(folder)/merges.txt is not there",
                hint: "Copy the model's tokenizer folder again.")
        }
        self.vocabulary = vocabulary
        ids = least...most
        var ranks: [String: Int] = [:]
        for line in merges.split(separator: "\n") where !line.hasPrefix("#version") {
            if ranks[String(line)] == nil { ranks[String(line)] = ranks.count }
        }
        self.ranks = ranks
        length = try config.count("model_max_length", default: 77)
        guard length > 2 else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(config.path): `model_max_length` \(length) leaves no room for a text",
                hint: "Copy the model's tokenizer folder again.")
        }
        var specials: [String: Int] = [:]
        func id(_ key: String, _ standard: String) throws(Failure) -> Int {
            let (mapped, configured) = (try Self.token(map, key), try Self.token(config, key))
            let token = mapped ?? configured ?? standard
            guard let id = vocabulary[token] else {
                throw Failure(
                    .badModel, code: "model.config",
                    message: "\(folder): the \(key) `\(token)` is not in the vocabulary",
                    hint: "Copy the model's tokenizer folder again.")
            }
            specials[token] = id
            return id
        }
        start = try id("bos_token", "<|startoftext|>")
        end = try id("eos_token", "<|endoftext|>")
        pad = try id("pad_token", "<|endoftext|>")
        unknown = try id("unk_token", "<|endoftext|>")
        self.specials = specials
    }

    /// A special token, written as a string or as an object with its `content`.
    private static func token(_ config: ConfigFile, _ key: String) throws(Failure) -> String? {
        guard config.isSet(key) else { return nil }
        if let content = config.section(key).text("content") { return content }
        return config.text(key)
    }

    /// The ids of a prompt: start, text, end, padded to `length`; a longer text is cut, the end token kept.
    public func ids(_ prompt: String) -> [Int] {
        let text = Array(textIDs(prompt).prefix(length - 2))
        return [start] + text + [end] + Array(repeating: pad, count: length - 2 - text.count)
    }

    func textIDs(_ prompt: String) -> [Int] {
        var ids: [Int] = []
        var rest = prompt[...]
        // Special tokens written out in a prompt stand for themselves; Stable Diffusion 2 pads with `!`.
        while let (range, id) = firstSpecial(in: rest) {
            ids += plainIDs(String(rest[..<range.lowerBound])) + [id]
            rest = rest[range.upperBound...]
        }
        return ids + plainIDs(String(rest))
    }

    private func firstSpecial(in text: Substring) -> (range: Range<Substring.Index>, id: Int)? {
        specials.compactMap { token, id in text.firstRange(of: token).map { ($0, id) } }
            .min { $0.0.lowerBound < $1.0.lowerBound }
    }

    private func plainIDs(_ text: String) -> [Int] {
        let folded = text.precomposedStringWithCanonicalMapping.split(whereSeparator: \.isWhitespace)
            .joined(separator: " ").lowercased()
        return Self.pieces(folded).flatMap { merge(Self.byteCharacters($0)) }
    }

    /// Contractions, words, single digits, runs of anything else.
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

    /// Each byte as the printable character that stands for it in the vocabulary.
    private static func byteCharacters(_ piece: String) -> [String] { piece.utf8.map { byteNames[Int($0)] } }

    private static let byteNames: [String] = {
        let printable = Set(33...126).union(161...172).union(174...255)
        var next: UInt32 = 256
        return (0..<256).map { byte -> String in
            if printable.contains(byte) { return String(UnicodeScalar(UInt8(byte))) }
            defer { next += 1 }
            return UnicodeScalar(next).map { String(Character($0)) } ?? ""
        }
    }()

    /// Merges the pair of lowest rank, all its places at once, until none is left.
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
