import DurableFiles
import Foundation
import Imaging
import JSON
import PrintableText
import Testing

/// What `check` and the trajectory say of a spec that is good and yet not what its author wants, and what people see of texts
/// from outside.
@Suite(.serialized) struct SpecWarningTests {
    private static let quick = "settings: {num_steps: 4, max_steps: 1, warp: 0, lora: {steps: 0}}\n"

    /// A picture of 96×64 pixels: a pattern in its left half, one colour with the noise of a JPEG in its right half.
    private static let picture: [UInt8] = {
        let samples = (0..<96 * 64 * 3).map { i -> UInt16 in
            let (x, y) = (i / 3 % 96, i / 3 / 96)
            return x < 48 ? UInt16((x * 37 + y * 91) % 256) : UInt16(200 + (x + y) % 4)
        }
        return (try? Image(width: 96, height: 64, samples: samples).pngBytes()) ?? []
    }()

    private func notes(_ spec: String, name: String = "cat.yaml") throws -> [String] {
        let folder = try TemporaryFolder()
        try Data(Self.picture).write(to: URL(filePath: "\(folder.path)/cat.png"))
        try spec.write(toFile: "\(folder.path)/\(name)", atomically: true, encoding: .utf8)
        let run = try Program.run(["check", "\(folder.path)/\(name)", "--json"])
        #expect(run.code == 0, "\(run.errors)")
        guard case .array(let notes)? = JSONValue(parsing: Array(run.output.utf8))?["notes"] else {
            return []
        }
        return notes.compactMap(\.string)
    }

    @Test func `a note names the first word of a prompt that the model does not read`() throws {
        let long = String(repeating: "very detailed ", count: 60)
        // The starter model has `very` as one token, and `detailed` as five.
        #expect(
            try notes("prompt: {source: \"\(long)blue\"}\ndrags: [{from: [10, 16], to: [18, 20]}]\n") == [
                "the model reads 75 tokens of a text and `prompt.source` has more: its last 96 words are lost, from `detailed` (word 26) on",
                "the model was not trained on words of `prompt.source`: `very`, `detailed`",
            ])
        // 75 words that are one token each fit; one more does not.
        let words = Array(repeating: "red", count: 75).joined(separator: " ")
        #expect(try notes("prompt: \(words)\n") == [])
        #expect(
            try notes("prompt: \(words) blue\n") == [
                "the model reads 75 tokens of a text and `prompt.edit` has more: its last word is lost: `blue` (word 76)"
            ])
    }

    @Test func `a note names the words that the model was not trained on`() throws {
        #expect(
            try notes("prompt: {source: a purring rabbit, edit: \"A Rabbit's quokka, purring purring\"}\n")
                == [
                    "the model was not trained on a word of `prompt.source`: `purring`",
                    "the model was not trained on words of `prompt.edit`: `quokka`, `purring`",
                ])
        #expect(try notes("prompt: {source: a rabbit face, edit: crying rabbit face}\n") == [])
    }

    @Test func `handles in one cell of the grid, and handles on the background, get a note`() throws {
        let folder = try TemporaryFolder()
        let samples = (0..<64 * 64 * 3).map { i -> UInt16 in
            let (x, y) = (i / 3 % 64, i / 3 / 64)
            return (20..<44).contains(x) && (20..<44).contains(y) ? UInt16((x * 37 + y * 91) % 200) : 250
        }
        let picture = try Image(width: 64, height: 64, samples: samples).pngBytes()
        try Data(picture).write(to: URL(filePath: "\(folder.path)/cat.png"))
        let spec = """
            prompt: {source: a}
            region: whole
            drags:
            - {from: [30, 30], to: [40, 30]}
            - {from: [30.2, 30.1], to: [30, 40]}
            - {from: [18, 32], to: [10, 32]}
            - {from: [35, 40], to: [35.2, 40]}

            """
        try spec.write(toFile: "\(folder.path)/cat.yaml", atomically: true, encoding: .utf8)
        let run = try Program.run(["check", "\(folder.path)/cat.yaml", "--json"])
        guard case .array(let notes)? = JSONValue(parsing: Array(run.output.utf8))?["notes"] else {
            Issue.record("\(run.output) \(run.errors)")
            return
        }
        #expect(
            notes.compactMap(\.string) == [
                "the handle of drag 3 at (18, 32) lies on the picture's plain background: what lies beside the content is dragged",
                "on the model's grid the handles of drags 1 and 2 are one point: the grid cannot tell them apart",
                "drag 4 is 0 pixels long, and the model sees none below 1: it counts as arrived before it begins",
            ])
    }

    @Test func `handles outside the mask, and handles on one colour, get one note each`() throws {
        let inside = "drags: [{from: [10, 16], to: [18, 20]}]\n"
        #expect(try notes("prompt: {source: a}\n\(inside)mask: {rect: [4, 4, 40, 40]}\n") == [])
        #expect(
            try notes("prompt: {source: a}\n\(inside)mask: {rect: [30, 4, 10, 40]}\n") == [
                "the handle of drag 1 at (10, 16) lies outside the mask: what the mask holds still is not dragged"
            ])
        #expect(
            try notes(
                "prompt: {source: a}\ndrags:\n- {from: [70, 30], to: [60, 30]}\n- {from: [10, 16], to: [18, 20]}\n- {from: [80, 30], to: [60, 40]}\n"
            ) == [
                "the handles of drags 1 and 3 lie on a part of the picture that has one colour: nothing is there to be dragged"
            ])
    }

    @Test(arguments: [
        ("{rect: [40, 10, 80, 20]}", true), ("{rect: [-5, 10, 60, 20]}", true),
        ("{rect: [0, 0, 96, 64]}", false),
        ("{polygon: [[4, 4], [120, 4], [4, 60]]}", true), ("{circle: [10, 16, 30]}", true),
        ("{circle: [40, 30, 20]}", false), ("{circle: [92, 30, 5]}", true),
    ])
    func `a note names the line of a region that extends beyond the picture`(_ mask: String, _ isNoted: Bool)
        throws
    {
        let note =
            "a region of the mask (line 3) reaches beyond the picture of 96×64 pixels: the part in the picture counts"
        #expect(
            try notes("prompt: {source: a}\ndrags: [{from: [10, 16], to: [18, 20]}]\nmask: \(mask)\n")
                .filter { $0.contains("region") } == (isNoted ? [note] : []))
    }

    @Test func `of many regions beyond the picture five lines are named`() throws {
        let regions = (0..<50).map { "\n  - {rect: [\($0), 10, 200, 20]}" }.joined()
        let told = try notes(
            "prompt: {source: a}\ndrags: [{from: [10, 16], to: [18, 20]}]\nmask:\(regions)\n")
        #expect(
            told.contains {
                $0.hasPrefix("regions of the mask (lines 4, 5, 6, 7, 8 and 45 more) reach beyond the picture")
            })
    }

    @Test func `the trajectory has the same warnings as check`() throws {
        let folder = try TemporaryFolder()
        let (picture, spec) = ("\(folder.path)/cat.png", "\(folder.path)/cat.yaml")
        try Data(Self.picture).write(to: URL(filePath: picture))
        let long = String(repeating: "very detailed ", count: 60)
        let text =
            "prompt: {source: \"\(long)blue\"}\ndrags: [{from: [70, 30], to: [60, 30]}]\nmask: {rect: [4, 4, 200, 20]}\n"
        try (text + Self.quick).write(toFile: spec, atomically: true, encoding: .utf8)
        let checked = try notes(text + Self.quick)
        #expect(checked.count == 6, "\(checked)")
        let run = try Program.run(["edit", picture, spec, "--out", "\(folder.path)/out"])
        #expect(run.code == 0, "\(run.errors)")
        let bytes = try Data(contentsOf: URL(filePath: "\(folder.path)/out/trajectory.json"))
        guard case .array(let notes)? = JSONValue(parsing: Array(bytes))?["notes"] else {
            Issue.record("no notes")
            return
        }
        #expect(notes.compactMap(\.string).prefix(checked.count) == checked[...])
    }

    @Test func `keys, words, prompts and names of files reach a terminal without control characters`() throws
    {
        let folder = try TemporaryFolder()
        let evil = "x\u{1b}[31m\u{202e}\n"
        try Data(Self.picture).write(to: URL(filePath: "\(folder.path)/cat.png"))
        func path(_ name: String, _ text: String) throws -> String {
            try PosixFileSystem().create("\(folder.path)/\(name)", Array(text.utf8), mode: 0o644)
            return "\(folder.path)/\(name)"
        }
        let good = "image: cat.png\nprompt: {source: \"\\x1b[2J\\u202e\", edit: \"a\\nb\"}\n"
        let runs = [
            ["check", try path("cat.json", "{\"\\u001b[31mred\\nforged: error\": 1}")],
            ["check", try path("preset.yaml", "prompt: x\npreset: \"\\x1b[2Jfoo\\nerror: faked\"\n")],
            ["check", try path("prompt.yaml", good)], ["check", try path("\(evil).yaml", good)],
            ["check", try path("\(evil)2.yaml", "promt: x\n")], ["check", "\(folder.path)/\(evil)"],
            ["check", "x.yaml", "--\(evil)"], [evil], ["show", evil],
            ["explain", "\(folder.path)/\(evil)", "--inbox", folder.path],
            ["models", "show", evil], ["check-config", try path("\(evil)c.yaml", "outbx: /srv\n")],
            ["check-config", try path("\(evil)d.yaml", "outbox: \"/srv/\\x1b[2J\\u202e\"\n")],
            ["models", "import", try path("\(evil).safetensors", "no weights")],
        ]
        for words in runs {
            let run = try Program.run(words)
            for line in (run.output + run.errors).split(separator: "\n") {
                #expect(
                    line.unicodeScalars.allSatisfy { $0.isPrintable }, "\(words): \(line.debugDescription)")
                #expect(!line.hasPrefix("error: faked") && !line.hasPrefix("forged: error"))
            }
            #expect((run.output + run.errors).contains("\\x1B"), "\(words): \(run)")
        }
    }

    @Test func `list, the log and error.txt show a name on one line, without reversed direction`() throws {
        let place = try Place()
        let stem = Array("a\u{202e}gpj\u{1b}[2J\nb".utf8)
        try place.drop(Place.picture, as: stem + Array(".png".utf8))
        try place.drop(Array("prompt: REFUSE\n".utf8), as: stem + Array(".yaml".utf8))
        let errors = "\(place.folder.path)/log"
        try Data().write(to: URL(filePath: errors))
        let daemon = try place.start(once: true, errors: FileHandle(forWritingTo: URL(filePath: errors)))
        daemon.waitUntilExit()
        let list = try Program.run(["list", "--state", place.state]).output
        let json = try Program.run(["list", "--json", "--state", place.state]).output
        let log = try String(contentsOfFile: errors, encoding: .utf8)
        for text in [list, json, log] {
            #expect(
                text.split(separator: "\n").allSatisfy {
                    $0.unicodeScalars.allSatisfy { $0.isPrintable || $0 == "\t" }
                })
        }
        #expect(list.contains("a\\u202Egpj\\x1B[2J\\x0Ab") && list.split(separator: "\n").count == 2)
        #expect(log.contains("a\\u202Egpj\\x1B[2J\\x0Ab"))
    }
}
