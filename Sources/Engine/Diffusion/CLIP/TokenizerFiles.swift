import Failures
import Foundation

/// The words, merges and added tokens of a tokenizer's folder, checked against each other.
///
///     vocab.json + merges.txt      as openai and transformers up to 4 write them
///     tokenizer.json               as transformers 5 writes it, often alone
///     added tokens                 in added_tokens.json, in `added_tokens_decoder` of tokenizer_config.json,
///                                  in `added_tokens` of tokenizer.json; additional special tokens by name alone
struct TokenizerFiles {
    /// A merge: two words that become one.
    struct Merge: Equatable {
        let left, right: String
    }

    /// Word → id.
    let words: [String: Int]
    /// In order of rank.
    let merges: [Merge]
    /// Tokens that the tokenizer matches before it cuts the text into words.
    let added: [AddedToken]
    /// Names of the start, end, padding and unknown token.
    let start, end, pad, unknown: String
    /// The number of ids of every prompt, padding included.
    let length: Int
    /// The files with the words and merges, for people.
    let source: String

    private static let again = "Copy the model's tokenizer folder again."

    /// - Throws: `model.missing`, `model.config`, `model.unsupported` naming file and word.
    init(folder: String) throws(Failure) {
        let config = try ConfigFile(path: folder + "/tokenizer_config.json")
        try Self.check(config)
        let map = try Self.optional(folder + "/special_tokens_map.json") ?? config
        let json = try Self.optional(folder + "/tokenizer.json").map { file throws(Failure) in
            try TokenizerJSON(file)
        }
        let words: [String: Int]
        if Self.exists(folder + "/vocab.json") || json == nil {
            words = try Self.vocabulary(folder + "/vocab.json")
            let all = try Self.merges(folder + "/merges.txt")
            let usable = Self.usable(all, words)
            if let json, !json.agrees(with: words, usable) {
                throw Failure(
                    .badModel, code: "model.config",
                    message:
                        "\(folder): tokenizer.json has another vocabulary than vocab.json and merges.txt",
                    hint: "Leave the files of one tokenizer; copy the folder again.")
            }
            merges = usable
            source = "vocab.json and merges.txt"
            try Self.check(
                folder + "/merges.txt", words, all, usable,
                but: try Self.addedNames(folder, config, map, json))
        } else if let json {
            words = json.words
            merges = Self.usable(json.merges, words)
            source = "tokenizer.json"
            try Self.check(
                folder + "/tokenizer.json", words, json.merges, merges,
                but: try Self.addedNames(folder, config, map, json))
        } else {
            words = [:]
            merges = []
            source = ""
        }
        let length: Double = try config.value("model_max_length", default: 77)
        // transformers writes 10³⁰ for “no limit”.
        self.length = length > 1e6 ? 77 : Int(length)
        guard self.length > 2, length == length.rounded() else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(config.path): `model_max_length` \(length) leaves no room for a text",
                hint: Self.again)
        }
        func name(_ key: String, _ standard: String) throws(Failure) -> String {
            let (mapped, configured) = (try AddedToken(map, key), try AddedToken(config, key))
            return (mapped ?? configured)?.content ?? standard
        }
        start = try name("bos_token", "<|startoftext|>")
        end = try name("eos_token", "<|endoftext|>")
        pad = try name("pad_token", "<|endoftext|>")
        unknown = try name("unk_token", "<|endoftext|>")
        var added = try Self.added(folder, config, json, words)
        try Self.addSpecials(
            folder, &added, words,
            named: [start, end, pad, unknown] + Self.additional(config)
                + Self.additional(map))
        self.words = words
        self.added = added
        for (key, token) in [
            ("bos_token", start), ("eos_token", end), ("pad_token", pad), ("unk_token", unknown),
        ] where words[token] == nil && !added.contains(where: { $0.content == token && $0.isDeclared }) {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(folder): the \(key) `\(token)` is not in the vocabulary",
                hint: Self.again)
        }
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    private static func optional(_ path: String) throws(Failure) -> ConfigFile? {
        exists(path) ? try ConfigFile(path: path) : nil
    }

    /// Refuses configurations that would give a prompt other ids.
    private static func check(_ config: ConfigFile) throws(Failure) {
        let known = [
            "CLIPTokenizer", "CLIPTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend",
        ]
        for (key, accepted) in [
            ("tokenizer_class", known), ("padding_side", ["right"]), ("truncation_side", ["right"]),
        ] {
            guard let value = config.text(key), !accepted.contains(value) else { continue }
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): `\(key)` is \(value), which is not supported",
                hint: "Use the tokenizer of a CLIP model.")
        }
        guard !config.isSet("split_special_tokens") else {
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): `split_special_tokens` is not supported",
                hint: "Use the tokenizer of a CLIP model.")
        }
    }

    // MARK: words and merges

    private static func vocabulary(_ path: String) throws(Failure) -> [String: Int] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(
                .badModel, code: "model.missing", message: "\(path) is not there, and no tokenizer.json is",
                hint: again)
        }
        guard let words = PythonJSON.value(data) as? [String: Int], !words.isEmpty else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(path) is no vocabulary: no JSON object of words and ids",
                hint: again)
        }
        return words
    }

    /// The merges of merges.txt, two words a line. Lines end in LF, CRLF or CR. It splits bytes, because Swift takes CRLF for
    /// one character.
    private static func merges(_ path: String) throws(Failure) -> [Merge] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.badModel, code: "model.missing", message: "\(path) is not there", hint: again)
        }
        let bytes = data.starts(with: [0xef, 0xbb, 0xbf]) ? data.dropFirst(3) : data
        var merges: [Merge] = []
        for (i, line) in bytes.split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == 10 || $0 == 13 }
        )
        .enumerated() where !line.isEmpty {
            guard let text = String(validating: line, as: UTF8.self) else {
                throw Failure(
                    .badModel, code: "model.config", message: "\(path):\(i + 1): is not UTF-8 text",
                    hint: again)
            }
            if text.hasPrefix("#version") { continue }
            let words = text.split(separator: " ")
            guard words.count == 2 else {
                throw Failure(
                    .badModel, code: "model.config",
                    message: "\(path): “\(text.prefix(40))” is no merge of two words",
                    hint: again)
            }
            merges.append(Merge(left: String(words[0]), right: String(words[1])))
        }
        return merges
    }

    /// The merges before the first that makes no word of the vocabulary: openai's published file has more merges than its model
    /// knows.
    private static func usable(_ merges: [Merge], _ words: [String: Int]) -> [Merge] {
        Array(
            merges.prefix {
                words[$0.left] != nil && words[$0.right] != nil && words[$0.left + $0.right] != nil
            })
    }

    /// Fails for a word of the vocabulary that is no byte and that no merge makes: no text can become it.
    private static func check(
        _ path: String, _ words: [String: Int], _ all: [Merge], _ usable: [Merge], but added: Set<String>
    ) throws(Failure) {
        var made = Set(Tokenizer.byteNames.flatMap { [$0, $0 + "</w>"] })
        for merge in usable { made.insert(merge.left + merge.right) }
        let lost = words.keys.filter { !made.contains($0) && !added.contains($0) }
            .sorted { (words[$0] ?? 0, $0) < (words[$1] ?? 0, $1) }
        guard let first = lost.first else { return }
        let stop =
            usable.count < all.count
            ? "; its merge \(usable.count + 1), `\(all[usable.count].left) \(all[usable.count].right)`, makes no word of the vocabulary"
            : ""
        throw Failure(
            .badModel, code: "model.config",
            message:
                "\(path): no merge makes `\(first)`\(lost.count > 1 ? " and \(lost.count - 1) more of the vocabulary's \(words.count) words" : ", a word of the vocabulary")\(stop)",
            hint:
                "Copy the tokenizer's files again, all from one place. A token that stands for itself belongs into added_tokens.json."
        )
    }

    // MARK: added tokens

    private static func addedNames(
        _ folder: String, _ config: ConfigFile, _ map: ConfigFile, _ json: TokenizerJSON?
    ) throws(Failure) -> Set<String> {
        var names: Set<String> = ["<|startoftext|>", "<|endoftext|>"]
        for file in [config, map] {
            for key in ["bos_token", "eos_token", "pad_token", "unk_token"] {
                if let token = try AddedToken(file, key) { names.insert(token.content) }
            }
            names.formUnion(additional(file))
        }
        names.formUnion(try added(folder, config, json, [:]).map(\.content))
        return names
    }

    /// The tokens with an id, from every file that lists some.
    ///
    /// - Throws: where two files give one token different ids.
    private static func added(
        _ folder: String, _ config: ConfigFile, _ json: TokenizerJSON?, _ words: [String: Int]
    ) throws(Failure) -> [AddedToken] {
        var all = json?.added ?? []
        for (id, value) in config.found("added_tokens_decoder") as? [String: Any] ?? [:] {
            guard let id = Int(id), let token = AddedToken(value, id: id) else {
                throw Failure(
                    .badModel, code: "model.config",
                    message: "\(config.path): `added_tokens_decoder` has no token at \(id)",
                    hint: again)
            }
            all.append(token)
        }
        let path = folder + "/added_tokens.json"
        if let file = try optional(path) {
            for name in file.keys {
                let id: Int = try file.value(name, default: -1)
                if !all.contains(where: { $0.content == name && $0.id == id }) {
                    all.append(AddedToken(content: name, id: id, isNormalized: true))
                }
            }
        }
        var found: [String: AddedToken] = [:]
        for token in all {
            for other in [found[token.content]?.id, words[token.content]] {
                guard let other, other != token.id else { continue }
                throw Failure(
                    .badModel, code: "model.config",
                    message:
                        "\(folder): the token `\(token.content)` has two ids, \(min(other, token.id)) and \(max(other, token.id))",
                    hint: again)
            }
            if found[token.content] == nil { found[token.content] = token }
        }
        return found.values.sorted { ($0.id, $0.content) < ($1.id, $1.content) }
    }

    /// `additional_special_tokens` (transformers 5: `extra_special_tokens`), by name or as objects.
    private static func additional(_ file: ConfigFile) -> [String] {
        ["additional_special_tokens", "extra_special_tokens"].flatMap { key -> [String] in
            (file.found(key) as? [Any] ?? []).compactMap { $0 as? String ?? AddedToken($0, id: 0)?.content }
        }
    }

    /// Adds the special tokens. One without an id gets the next free id.
    private static func addSpecials(
        _ folder: String, _ added: inout [AddedToken], _ words: [String: Int], named names: [String]
    ) throws(Failure) {
        for name in names where !added.contains(where: { $0.content == name }) {
            let known = words[name]
            let next = max(words.count, (added.filter(\.isDeclared).map(\.id).max() ?? -1) + 1)
            added.append(
                AddedToken(content: name, id: known ?? next, isNormalized: false, isDeclared: known != nil))
        }
    }
}

/// A tokenizer.json, as the tokenizers library writes it.
struct TokenizerJSON {
    let words: [String: Int]
    let merges: [TokenizerFiles.Merge]
    let added: [AddedToken]

    /// The regular expression by which CLIP's tokenizer cuts a text.
    private static let pattern =
        #"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"#

    /// Whether another vocabulary and its merges equal these, except for added tokens.
    func agrees(with others: [String: Int], _ theirs: [TokenizerFiles.Merge]) -> Bool {
        let common = words.count { others[$0.key] == $0.value }
        return common + added.count >= max(words.count, others.count)
            && merges.prefix(theirs.count) == theirs[...]
    }

    /// - Throws: `model.unsupported` for another kind of tokenizer than CLIP's; `model.config`.
    init(_ file: ConfigFile) throws(Failure) {
        func unsupported(_ what: String) -> Failure {
            Failure(
                .badModel, code: "model.unsupported",
                message: "\(file.path): \(what), which is not CLIP's way",
                hint: "Use the tokenizer of a CLIP model.")
        }
        let model = file.section("model")
        // An absent part is that of CLIP's tokenizer: transformers makes these parts by the tokenizer's class.
        guard model.text("type") ?? "BPE" == "BPE", model.text("end_of_word_suffix") ?? "</w>" == "</w>"
        else {
            throw unsupported(
                "its model is \(model.text("type") ?? "unknown") with the suffix `\(model.text("end_of_word_suffix") ?? "")`"
            )
        }
        for key in ["dropout", "byte_fallback", "ignore_merges", "fuse_unk", "continuing_subword_prefix"]
        where model.isSet(key) && model.text(key) != "" {
            throw unsupported("its model has `\(key)`")
        }
        let normalizer = file.section("normalizer")
        let steps = normalizer.found("normalizers") as? [[String: Any]] ?? []
        guard
            file.found("normalizer") == nil
                || steps.compactMap({ $0["type"] as? String }) == ["NFC", "Replace", "Lowercase"]
        else {
            throw unsupported("its normalizer is not NFC, white space, lower case")
        }
        let cuts = file.section("pre_tokenizer").found("pretokenizers") as? [[String: Any]] ?? []
        let pattern = (cuts.first?["pattern"] as? [String: Any])?["Regex"] as? String
        let specials = #"<\|startoftext\|>|<\|endoftext\|>|"#
        guard
            file.found("pre_tokenizer") == nil
                || cuts.compactMap({ $0["type"] as? String }) == ["Split", "ByteLevel"]
                    && pattern?.replacingOccurrences(of: specials, with: "")
                        == Self.pattern.replacingOccurrences(of: specials, with: "")
        else { throw unsupported("its pre_tokenizer cuts texts otherwise") }
        guard let words = model.found("vocab") as? [String: Int], !words.isEmpty,
            let merges = model.found("merges") as? [Any]
        else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(file.path): its model has no `vocab` or no `merges`",
                hint: "Copy the model's tokenizer folder again.")
        }
        guard words.keys.contains(where: { $0.hasSuffix("</w>") }) else {
            throw unsupported("its words have no end of word `</w>`")
        }
        self.words = words
        var pairs: [TokenizerFiles.Merge] = []
        pairs.reserveCapacity(merges.count)
        for merge in merges {
            // A list of two words, or, before tokenizers 0.20, a text with a space between them.
            let pair = merge as? [String] ?? (merge as? String)?.split(separator: " ").map(String.init) ?? []
            guard pair.count == 2 else {
                throw Failure(
                    .badModel, code: "model.config",
                    message: "\(file.path): \(merge) is no merge of two words",
                    hint: "Copy the model's tokenizer folder again.")
            }
            pairs.append(TokenizerFiles.Merge(left: pair[0], right: pair[1]))
        }
        self.merges = pairs
        added = (file.found("added_tokens") as? [[String: Any]] ?? []).compactMap { token in
            (token["id"] as? Int).flatMap { AddedToken(token, id: $0) }
        }
    }
}
