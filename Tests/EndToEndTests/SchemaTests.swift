import Failures
import Foundation
import JobFiles
import JSON
import ServiceConfiguration
import Settings
import SpecParser
import Testing
import TestSupport

@Suite struct SchemaTests {
    private func json(_ text: String) throws -> JSONValue {
        try #require(JSONValue(parsing: Array(text.utf8)))
    }

    @Test func `the spec's schema accepts what the parser accepts, and refuses what it refuses`() throws {
        let schema = try Schema("spec")
        let good = [
            #"{"prompt": "a cat"}"#,
            #"{"drags": [{"from": [1, 2], "to": [3.5, 4]}], "seed": 9, "units": "pixels", "method": "clipdrag"}"#,
            #"{"prompt": {"source": "a", "edit": null}, "drags": [{"from": [0, 0], "to": [1, 1]}], "mask": ["m.png", {"circle": [1, 2, 3]}]}"#,
            #"{"prompt": "x", "settings": {"max_steps": 80, "r1": null, "budget": "20m", "lora": {"steps": 0}}, "output": {"extras": ["overlay"]}}"#,
        ]
        let bad = [
            #"{"promt": "a cat"}"#, #"{"prompt": "x", "settings": {"max_step": 80}}"#,
            #"{"prompt": "x", "settings": {"max_steps": 10001}}"#,
            #"{"prompt": "x", "settings": {"fusion": "clip"}}"#, #"{"drags": [{"from": [1], "to": [3, 4]}]}"#,
            #"{"drags": [{"from": [1, 2]}]}"#,
            #"{"prompt": "x", "mask": {"square": [1, 2]}}"#, #"{"prompt": "x", "output": {"quality": 0}}"#,
            #"{"prompt": "x", "preset": "fast"}"#, #"{"prompt": "x", "method": "clip"}"#,
        ]
        for text in good {
            #expect(schema.problems(try json(text)) == [], "\(text)")
            #expect(throws: Never.self) { try parseSpec(Array(text.utf8), file: "s") }
        }
        for text in bad {
            #expect(schema.problems(try json(text)) != [], "\(text)")
            #expect(throws: Failure.self) { try parseSpec(Array(text.utf8), file: "s") }
        }
    }

    @Test func `the schema has exactly the settings`() throws {
        let schema = try Schema("spec")
        guard case .object(let top)? = schema.part("properties", "settings", "properties") else {
            Issue.record("no settings in the schema")
            return
        }
        let keys = top.flatMap { key, value -> [String] in
            guard case .object(let group)? = value["properties"] else { return [key] }
            return group.map { "\(key).\($0.key)" }
        }
        #expect(Set(keys) == Set(Setting.all.map(\.name)))
    }

    @Test func `the spec's schema refuses what the table of settings refuses`() throws {
        let schema = try Schema("spec")
        for bad in BadSetting.all where bad.isJSON {
            guard let text = bad.text else { continue }
            let parts = bad.setting.name.split(separator: ".")
            let inner = "{\"\(parts[parts.count - 1])\": \(text)}"
            let settings = parts.count == 1 ? inner : "{\"\(parts[0])\": \(inner)}"
            let spec = try json("{\"prompt\": \"x\", \"settings\": \(settings)}")
            // A pattern cannot bound a duration.
            if text == "\"9999999h\"" { continue }
            #expect(schema.problems(spec) != [], "\(bad)")
        }
    }

    @Test func `the parser and the engine have the same settings`() throws {
        let folder = try TemporaryFolder()
        let spec = "\(folder.path)/s.yaml"
        try "prompt: x\n".write(toFile: spec, atomically: true, encoding: .utf8)
        let run = try Program.run(["check", spec, "--json"])
        let settings = try json(run.output)["settings"]
        guard case .object(let fields)? = settings else {
            Issue.record("no settings in \(run.output)")
            return
        }
        #expect(Set(fields.map(\.key)) == Set(Setting.all.map(\.name)))
    }

    @Test func `the configuration's schema accepts a complete example`() throws {
        let schema = try Schema("configuration")
        let good =
            #"{"inboxes": [{"path": "/in", "watch": "auto", "priority": 0}], "outbox": "/out", "captions": ["clip", {"command": ["/bin/x"]}], "limits": {"pixels": "64M", "quiet": "1s"}, "output_mode": "0644", "hook": null}"#
        #expect(schema.problems(try json(good)) == [])
        let captions =
            #"{"captions": {"use": [{"command": ["/bin/x"], "network": true}, "clip"], "vocabulary": "/words.txt"}}"#
        #expect(schema.problems(try json(captions)) == [])
        for bad in [
            #"{"outbx": "/out"}"#, #"{"workers": 0}"#, #"{"inboxes": [{"watch": "poll"}]}"#,
            #"{"output_mode": "644"}"#, #"{"captions": {"vocabulary": "words.txt"}}"#,
            #"{"captions": {"used": []}}"#,
        ] {
            #expect(schema.problems(try json(bad)) != [], "\(bad)")
        }
    }
}
