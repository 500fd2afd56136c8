import Failures
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Diffusion

/// Tokenizers in the files of transformers.
@Suite struct TokenizerFilesTests {
    private struct Tokens: Decodable {
        struct Row: Decodable {
            let name: String
            let files: [String: ModelFiles.JSONText]
            let ids: [[Int]]
        }
        let prompts: [String]
        let tokenizers: [Row]
    }

    @Test func `added tokens give the ids of transformers, whichever file lists them`() throws {
        let tokens: Tokens = try ModelFiles.decode("tokens.json")
        #expect(tokens.tokenizers.count >= 10)
        for row in tokens.tokenizers {
            let scratch = try ScratchFolder(copying: "starter/model/tokenizer")
            for (name, fields) in row.files {
                let url = URL(filePath: "\(scratch.path)/\(name)")
                var object: [String: Any] = [:]
                if let data = try? Data(contentsOf: url) {
                    object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
                }
                let own = try #require(fields.value as? [String: Any])
                try JSONSerialization.data(withJSONObject: object.merging(own) { $1 }).write(to: url)
            }
            let tokenizer = try Tokenizer(folder: scratch.path)
            for (prompt, ids) in zip(tokens.prompts, row.ids) {
                #expect(tokenizer.ids(prompt) == ids, "\(row.name): \(prompt.debugDescription)")
            }
        }
    }

    private struct Saved: Decodable {
        let prompts: [String]
        let ids: [[Int]]
    }

    @Test func `a tokenizer as transformers 5 saves it is read from tokenizer.json alone`() throws {
        let saved: Saved = try ModelFiles.decode("saved5.json")
        let tokenizer = try Tokenizer(folder: Fixtures.path("\(ModelFiles.folder)/saved5"))
        for (prompt, ids) in zip(saved.prompts, saved.ids) {
            #expect(tokenizer.ids(prompt) == ids, "\(prompt.debugDescription)")
        }
        #expect(tokenizer.description.contains("tokenizer.json"))
        #expect(tokenizer.description.contains("added: <cattu>, <style>"), "\(tokenizer.description)")
    }

    @Test func `absent parts of a tokenizer.json are CLIP's, and other parts than CLIP's are refused`()
        throws
    {
        let saved: Saved = try ModelFiles.decode("saved5.json")
        let scratch = try ScratchFolder(copying: "\(ModelFiles.folder)/saved5")
        let url = URL(filePath: "\(scratch.path)/tokenizer.json")
        let whole = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        let model = try #require(whole["model"] as? [String: Any])
        let merges = try #require(model["merges"] as? [[String]])
        func write(_ change: (inout [String: Any]) -> Void) throws {
            var object = whole
            change(&object)
            try JSONSerialization.data(withJSONObject: object).write(to: url)
        }
        // Merges as texts, as before tokenizers 0.20; nothing but words and merges.
        try write {
            $0 = [
                "version": "1.0",
                "model": [
                    "type": "BPE", "vocab": model["vocab"] ?? [],
                    "merges": merges.map { "\($0[0]) \($0[1])" },
                ],
            ]
        }
        #expect(try Tokenizer(folder: scratch.path).ids(saved.prompts[0]) == saved.ids[0])
        for (word, change) in [
            ("suffix", { $0["model"] = model.merging(["end_of_word_suffix": ""]) { $1 } }),
            ("WordPiece", { $0["model"] = model.merging(["type": "WordPiece"]) { $1 } }),
            ("normalizer", { $0["normalizer"] = ["type": "NFC"] }),
            ("pre_tokenizer", { $0["pre_tokenizer"] = ["type": "ByteLevel"] }),
            ("`byte_fallback`", { $0["model"] = model.merging(["byte_fallback": true]) { $1 } }),
            ("</w>", { $0["model"] = ["vocab": ["a": 0], "merges": [[String]]()] }),
        ] as [(String, (inout [String: Any]) -> Void)] {
            try write(change)
            let error = #expect(throws: Failure.self) { try Tokenizer(folder: scratch.path) }
            #expect(
                error?.code == "model.unsupported" && error?.message.contains(word) == true,
                "\(word): \(error?.message ?? "")")
        }
    }

    @Test(arguments: ["\r\n", "\r", "\n\n"])
    func `merges are the same for every kind of line end`(_ end: String) throws {
        let scratch = try ScratchFolder(copying: "starter/model/tokenizer")
        let url = URL(filePath: "\(scratch.path)/merges.txt")
        let text = try String(contentsOf: url, encoding: .utf8)
        try ("\u{feff}" + text.replacingOccurrences(of: "\n", with: end)).write(
            to: url, atomically: true, encoding: .utf8)
        let (a, b) = (
            try Tokenizer(folder: scratch.path),
            try Tokenizer(folder: Fixtures.path("starter/model/tokenizer"))
        )
        for prompt in ["a rabbit face", "crying cats, 12 of them!"] {
            #expect(a.ids(prompt) == b.ids(prompt))
        }
    }

    @Test func `a vocabulary and merges that do not belong together are refused with what is missing`() throws
    {
        let scratch = try ScratchFolder(copying: "starter/model/tokenizer")
        let url = URL(filePath: "\(scratch.path)/merges.txt")
        let whole = try String(contentsOf: url, encoding: .utf8)
        let lines = whole.split(separator: "\n").map(String.init)
        func error(_ text: String) throws -> Failure? {
            try text.write(to: url, atomically: true, encoding: .utf8)
            return #expect(throws: Failure.self) { try Tokenizer(folder: scratch.path) }
        }
        let empty = try error(lines[0] + "\n")
        #expect(empty?.code == "model.config" && empty?.message.contains("no merge makes") == true)
        #expect(empty?.message.contains("\(lines.count - 2) more") == true, "\(empty?.message ?? "")")
        let last = try #require(lines.last)
        let word = last.replacingOccurrences(of: " ", with: "")
        let cut = try error(lines.dropLast().joined(separator: "\n"))
        #expect(
            cut?.message.contains("no merge makes `\(word)`, a word of the vocabulary") == true,
            "\(cut?.message ?? "")")
        let foreign = try error(([lines[0], "q q", "qq q"] + lines.dropFirst()).joined(separator: "\n"))
        #expect(
            foreign?.message.contains("merge 1, `q q`, makes no word") == true, "\(foreign?.message ?? "")")
        #expect(try error(lines[0] + "\nabc\n")?.message.contains("“abc” is no merge") == true)
        // openai's file goes on after the last merge of the vocabulary.
        try (whole + "q q\nqq q</w>\n").write(to: url, atomically: true, encoding: .utf8)
        #expect(
            try Tokenizer(folder: scratch.path).ids("a rabbit")
                == Tokenizer(folder: Fixtures.path("starter/model/tokenizer")).ids("a rabbit"))
    }

    @Test
    func `a word of the vocabulary that stands for itself, and a token with two ids, are refused by name`()
        throws
    {
        let scratch = try ScratchFolder(copying: "starter/model/tokenizer")
        let url = URL(filePath: "\(scratch.path)/vocab.json")
        var words = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Int])
        words["<cattu>"] = 574
        try JSONSerialization.data(withJSONObject: words).write(to: url)
        let error = #expect(throws: Failure.self) { try Tokenizer(folder: scratch.path) }
        #expect(error?.message.contains("no merge makes `<cattu>`") == true)
        #expect(error?.hint.contains("added_tokens.json") == true)
        let added = URL(filePath: "\(scratch.path)/added_tokens.json")
        try Data(#"{"<cattu>": 574}"#.utf8).write(to: added)
        #expect(try Tokenizer(folder: scratch.path).ids("<cattu>")[1] == 574)
        try Data(#"{"<cattu>": 575}"#.utf8).write(to: added)
        let twice = #expect(throws: Failure.self) { try Tokenizer(folder: scratch.path) }
        #expect(
            twice?.message.contains("`<cattu>` has two ids, 574 and 575") == true, "\(twice?.message ?? "")")
    }

    @Test func `the error names a token for which the text encoder has no embedding`() throws {
        let scratch = try ScratchFolder(copying: "starter/model")
        try Data(#"{"<cattu>": 574}"#.utf8).write(
            to: URL(filePath: "\(scratch.path)/tokenizer/added_tokens.json"))
        let error = #expect(throws: Failure.self) { try DiffusionModel(folder: scratch.path) }
        #expect(error?.message.contains("574 (`<cattu>`)") == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("tokenizer_class", "T5Tokenizer"), ("padding_side", "left"), ("truncation_side", "left"),
    ])
    func `a key that would change a prompt's ids is refused by name`(_ key: String, _ value: String) throws {
        let scratch = try ScratchFolder(copying: "starter/model/tokenizer")
        let url = URL(filePath: "\(scratch.path)/tokenizer_config.json")
        var config = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        config[key] = value
        try JSONSerialization.data(withJSONObject: config).write(to: url)
        let error = #expect(throws: Failure.self) { try Tokenizer(folder: scratch.path) }
        #expect(error?.code == "model.unsupported" && error?.message.contains("`\(key)` is \(value)") == true)
    }
}
