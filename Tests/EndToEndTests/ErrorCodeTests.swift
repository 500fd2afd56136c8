import DurableFiles
import Failures
import Foundation
import Imaging
import JSON
import Testing

/// One test for each documented error code: the program prints it. For codes that only other tests can reach, the table names
/// the test.
@Suite struct ErrorCodeTests {
    /// A failing spec for each code. A valid picture x.png lies beside it.
    private static let specs: [String: String] = [
        "spec.unknown_key": "promt: a cat\n",
        "spec.duplicate_key": "prompt: a\nprompt: b\n",
        "spec.missing_key": "drags: [{from: [1, 2]}]\n",
        "spec.type": "drags: 3\n",
        "spec.range": "prompt: a\nsettings: {max_steps: 20000}\n",
        "spec.not_finite": "drags: [{from: [.nan, 1], to: [2, 3]}]\n",
        "spec.unknown_word": "prompt: a\nsettings: {fusion: clipdrg}\n",
        "spec.unknown_preset": "prompt: a\npreset: best\n",
        "spec.unknown_method": "prompt: a\nmethod: clipdrg\n",
        "spec.unknown_unit": "prompt: a\nunits: inches\n",
        "spec.unknown_format": "prompt: a\noutput: {format: gif}\n",
        "spec.unknown_extra": "prompt: a\noutput: {extras: [film]}\n",
        "spec.point_outside": "drags: [{from: [1, 1], to: [5000, 1]}]\n",
        "spec.mask_outside": "prompt: a\nmask: {rect: [5000, 5000, 9, 9]}\n",
        "spec.drag_kinds": "drags: [{from: [1, 1], to: {circle: [9, 9, 5]}}]\n",
        "spec.empty_region": "drags: [{from: {rect: [1, 1, 0.2, 0.2]}, to: {circle: [9, 9, 5]}}]\n",
        "edit.no_drags": "prompt: a\nmethod: fastdrag\n",
        "edit.no_mask":
            "drags: [{from: [1, 1], to: [9, 9]}]\nmethod: fastdrag\nsettings: {auto_mask: false}\n",
        "edit.no_regions": "drags: [{from: [1, 1], to: [9, 9]}]\nmethod: regiondrag\n",
        "edit.no_text": "drags: [{from: [1, 1], to: [9, 9]}]\nmethod: diffclip\n",
        "spec.handle_on_target": "drags: [{from: [1, 1], to: [1, 1]}]\n",
        "spec.too_many_drags":
            "drags: [\((0...64).map { "{from: [\($0), 1], to: [9, 9]}" }.joined(separator: ", "))]\n",
        "spec.nothing_to_do": "seed: 3\n",
        "spec.empty": "",
        "spec.empty_prompt": "prompt: \"  \"\n",
        "spec.empty_mask": "prompt: a\nmask: []\n",
        "spec.region": "prompt: a\nregion: {rect: [1, 1, 0, 5]}\n",
        "spec.mask_region": "prompt: a\nmask: {rect: [1, 1, 5, 5], circle: [1, 1, 1]}\n",
        "spec.reference_missing": "image: nothing.png\nprompt: a\n",
        "spec.reference_absolute": "image: /etc/hostname\nprompt: a\n",
        "spec.reference_outside": "image: ../outside.png\nprompt: a\n",
        "spec.syntax": "prompt: [a\n",
        "spec.unquoted": "prompt: !important\n",
        "spec.key_kind": "[a]: b\n",
        "spec.alias": "prompt: *nothing\n",
        "spec.alias_expansion":
            "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + zip("bcde", "abcd").map {
                "\($0): &\($0) [\(Array(repeating: "*\($1)", count: 10).joined(separator: ", "))]\n"
            }.joined(),
        "spec.too_deep": String(repeating: "[", count: 80) + String(repeating: "]", count: 80),
        "spec.several_documents": "prompt: a\n---\nprompt: b\n",
        "spec.binary": "\0\u{1}\u{2}",
        "spec.too_large": String(repeating: "#", count: (1 << 20) + 1),
    ]

    /// Codes whose tests are elsewhere: they need a worker, a model with something wrong in it, or the engine itself.
    private static let elsewhere: [String: String] = [
        "spec.ambiguous_image": "EndToEndTests/NamesTests.swift",
        "spec.mask_size": "EndToEndTests/PictureTests.swift",
        "image.encoding": "ImagingTests/PictureMetadataTests.swift",
        "config.overlap": "EndToEndTests/NamesTests.swift",
        "worker.crashed": "EndToEndTests/DaemonTests.swift",
        "worker.time_limit": "EndToEndTests/SupervisionTests.swift",
        "worker.memory_limit": "EndToEndTests/SupervisionTests.swift",
        "worker.stalled": "EndToEndTests/SupervisionTests.swift",
        "worker.damaged_result": "EndToEndTests/SupervisionTests.swift",
        "inbox.refused": "EndToEndTests/AddInboxTests.swift",
        "job.ambiguous": "EndToEndTests/QueueCommandTests.swift",
        "inbox.missing": "EndToEndTests/InboxStartTests.swift",
        "proc.missing": "EndToEndTests/InboxStartTests.swift",
        "job.state": "EndToEndTests/OperatingTests.swift",
        "state.locked": "EndToEndTests/OperatingTests.swift",
        "command.usage": "EndToEndTests/OperatingTests.swift",
        "model.file": "DiffusionTests/LoadingErrorTests.swift",
        "model.values": "DiffusionTests/WeightValueTests.swift",
        "model.key_missing": "DiffusionTests/LoadingErrorTests.swift",
        "model.key_unknown": "DiffusionTests/LoadingErrorTests.swift",
        "model.name": "EndToEndTests/ModelFetchTests.swift",
        "model.exists": "EndToEndTests/ModelFetchTests.swift",
        "model.busy": "EndToEndTests/ModelFetchTests.swift",
        "model.digest": "EndToEndTests/ModelFetchTests.swift",
        "model.fetch": "EndToEndTests/ModelFetchTests.swift",
        "model.manifest": "EndToEndTests/ModelFetchTests.swift",
        "model.shape": "DiffusionTests/LoadingErrorTests.swift",
        "model.unsupported": "DiffusionTests/LoadingErrorTests.swift",
        "gallery.busy": "EndToEndTests/GalleryTests.swift",
        "report.trajectory": "EndToEndTests/PreviewAndReportTests.swift",
        "report.other_picture": "EndToEndTests/PreviewAndReportTests.swift",
        "config.vocabulary": "EditJobsTests/CaptionTests.swift",
        "edit.budget": "DragEditingTests/MemoryAndBudgetTests.swift",
        "edit.settings": "DragEditingTests/EditErrorTests.swift",
        "edit.not_finite": "DragEditingTests/EditErrorTests.swift",
    ]

    /// Codes that the tests of this file name in their bodies.
    private static let below = [
        "spec.encoding", "spec.set", "config.relative_path", "config.incomplete", "config.missing",
        "image.format",
        "image.truncated", "image.corrupt", "image.too_large", "image.too_small", "image.memory",
        "image.missing",
        "model.missing", "model.config", "edit.no_guide", "worker.sandbox", "hook.failed", "job.cancelled",
        "job.unknown", "inbox.locked", "out.not_empty", "status.none",
    ]

    /// The code that a command fails with.
    private func code(_ arguments: [String], by launcher: [String] = []) throws -> String? {
        // A worker always speaks JSON.
        let words = arguments + (arguments.first == "edit-worker" ? [] : ["--json"])
        let (_, output, _) = try Program.run(words, launcher: launcher)
        return output.split(separator: "\n").compactMap { JSONValue(parsing: Array($0.utf8)) }
            .compactMap { ($0["failure"] ?? $0)["code"]?.string }.first
    }

    /// A spec x.yaml with a picture x.png in a folder of its own.
    private func place(spec: [UInt8], picture: [UInt8] = Place.picture) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let files = PosixFileSystem()
        try files.createDirectory("\(folder.path)/d")
        try files.create("\(folder.path)/d/x.yaml", spec, mode: 0o644)
        try files.create("\(folder.path)/d/x.png", picture, mode: 0o644)
        try files.create("\(folder.path)/outside.png", Place.picture, mode: 0o644)
        return folder
    }

    private func checked(_ spec: [UInt8], picture: [UInt8] = Place.picture, config: String? = nil) throws
        -> String?
    {
        let folder = try place(spec: spec, picture: picture)
        var arguments = ["check", "\(folder.path)/d/x.yaml"]
        if let config {
            try PosixFileSystem().create("\(folder.path)/config.yaml", Array(config.utf8), mode: 0o644)
            arguments += ["--config", "\(folder.path)/config.yaml"]
        }
        return try code(arguments)
    }

    private let good = Array("prompt: a cat\n".utf8)

    @Test func `every documented code has its test`() throws {
        let documented = try String(
            contentsOf: Program.root.appending(path: "docs/errors.md"), encoding: .utf8)
        let codes = documented.matches(
            of:
                /`((spec|config|image|model|edit|worker|hook|job|inbox|out|status|state|command|gallery|report|proc)\.[a-z_]+)`/
        )
        .map { String($0.1) }
        #expect(codes.count >= 66 && Set(codes).count == codes.count)
        let tested = Array(Self.specs.keys) + Array(Self.elsewhere.keys) + Self.below
        #expect(Set(tested) == Set(codes))
        #expect(tested.count == Set(tested).count)
        for (code, file) in Self.elsewhere {
            let text = try String(contentsOf: Program.root.appending(path: "Tests/\(file)"), encoding: .utf8)
            #expect(text.contains("\"\(code)\"") || code == "config.overlap", "\(code)")
        }
    }

    @Test(arguments: specs.keys.sorted())
    func `each bad spec gives its error code`(_ wanted: String) throws {
        #expect(try checked(Array((Self.specs[wanted] ?? "").utf8)) == wanted)
    }

    @Test func `a spec that is not UTF-8, and --set without an equals sign, give their error codes`() throws {
        #expect(try checked([0x70, 0x3a, 0x20, 0xff, 0x0a]) == "spec.encoding")
        let folder = try place(spec: good)
        let edit = ["edit", "\(folder.path)/d/x.png", "\(folder.path)/d/x.yaml", "--out", "\(folder.path)/o"]
        #expect(try code(edit + ["--set", "seed"]) == "spec.set")
        try PosixFileSystem().createDirectory("\(folder.path)/o")
        try PosixFileSystem().create("\(folder.path)/o/x", [], mode: 0o644)
        #expect(try code(edit) == "out.not_empty")
    }

    @Test func `each bad configuration gives its error code`() throws {
        let folder = try place(spec: good)
        let config = "\(folder.path)/c.yaml"
        try PosixFileSystem().create(config, Array("outbox: here\n".utf8), mode: 0o644)
        #expect(try code(["check-config", config]) == "config.relative_path")
        #expect(try code(["check-config", "\(folder.path)/none.yaml"]) == "config.missing")
        try PosixFileSystem().replace(config, Array("workers: 1\n".utf8), mode: 0o644)
        #expect(try code(["run", "--once", "--config", config]) == "config.incomplete")
    }

    @Test func `each bad picture gives its error code`() throws {
        #expect(try checked(good, picture: Array("no picture".utf8)) == "image.format")
        #expect(try checked(good, picture: Array(Place.picture.dropLast(900))) == "image.truncated")
        var corrupt = Place.picture
        for i in 60..<90 { corrupt[i] ^= 0x55 }
        #expect(try checked(good, picture: corrupt) == "image.corrupt")
        #expect(try checked(good, config: "limits: {pixels: 1K}\n") == "image.too_large")
        func flat(_ width: Int, _ height: Int) throws -> [UInt8] {
            try Image(
                width: width, height: height, samples: [UInt16](repeating: 0, count: 3 * width * height)
            ).pngBytes()
        }
        #expect(try checked(good, picture: try flat(16, 64)) == "image.too_small")
        // Of 16 bits a sample and 64 million pixels: decoding takes more than the process is given.
        let folder = try place(spec: good)
        let draw = """
            import sys, struct, zlib
            def chunk(kind, body):
                return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            n = 8000
            rows = zlib.compress((b"\\0" * (1 + 6 * n)) * n, 1)
            head = struct.pack(">IIBBBBB", n, n, 16, 2, 0, 0, 0)
            png = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
            open(sys.argv[1], "wb").write(png)
            """
        let python = Process()
        python.executableURL = URL(filePath: "/usr/bin/env")
        python.arguments = ["python3", "-c", draw, "\(folder.path)/d/x.png"]
        try python.run()
        python.waitUntilExit()
        let memory = try code(
            ["check", "\(folder.path)/d/x.yaml"], by: ["prlimit", "--data=\(260 << 20)", "--"])
        #expect(memory == "image.memory")
        try PosixFileSystem().remove("\(folder.path)/d/x.png")
        #expect(try code(worker(folder)) == "image.missing")
    }

    private func worker(_ folder: TemporaryFolder) -> [String] {
        [
            "edit-worker", "--spec", "\(folder.path)/d/x.yaml", "--out", folder.path, "--id", "1", "--name",
            "x",
            "--state", folder.path, "--model",
            Program.root.appending(path: "Models/starter").path(percentEncoded: false),
        ]
    }

    @Test func `bad models, sandboxes and files give their error codes`() throws {
        let folder = try place(spec: good)
        let spec = "\(folder.path)/d/x.yaml"
        #expect(try code(["check", spec, "--model", "nothing"]) == "model.missing")
        let model = "\(folder.path)/model"
        let starter = Program.root.appending(path: "Models/starter").path(percentEncoded: false)
        let files = PosixFileSystem()
        try files.createDirectory(model)
        for entry in try files.list(starter) where entry.name != "clip" && entry.name != "clipdrag.json" {
            try FileManager.default.createSymbolicLink(
                atPath: "\(model)/\(entry.name)", withDestinationPath: "\(starter)/\(entry.name)")
        }
        let edit = ["edit", "\(folder.path)/d/x.png", spec, "--out", "\(folder.path)/o", "--model", model]
        #expect(try code(edit + ["--set", "lora.steps=0"]) == "edit.no_guide")
        try files.create("\(model)/clipdrag.json", Array("{\"recommended\": 3}".utf8), mode: 0o644)
        #expect(try code(["check", spec, "--model", model]) == "model.config")
        let refuse = [
            "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=landlock_restrict_self", "-e",
            "inject=landlock_restrict_self:error=EPERM",
        ]
        #expect(try code(worker(folder), by: refuse) == "worker.sandbox")
        #expect(try code(["check", "\(folder.path)/d/none.yaml"]) == "file.open")
    }

    @Test func `failing jobs and daemons give their error codes`() throws {
        let folder = try TemporaryFolder()
        let hook = "\(folder.path)/hook"
        try PosixFileSystem().create(
            hook, Array("#!/bin/sh\necho >> \(folder.path)/calls\nexit 3\n".utf8), mode: 0o755)
        let place = try Place(extra: "hook: \(hook)\n")
        let state = ["--state", place.state]
        #expect(try code(["status"] + state) == "status.none")
        let errors = Pipe()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: SLOW\n")
        let daemon = try place.start(errors: errors)
        place.wait("the worker") { place.started.count == 1 }
        #expect(
            try code(["run", "--once", "--inbox", place.inbox, "--outbox", "\(folder.path)/o"])
                == "inbox.locked")
        #expect(try code(["hold", "nothing"] + state) == "job.unknown")
        var id: String? {
            guard case .array(let items)? = place.json("\(place.state)/status.json")?["running"] else {
                return nil
            }
            return items.first?["id"]?.string
        }
        place.wait("the status") { id != nil }
        #expect(try Program.run(["cancel", try #require(id)] + state).code == 0)
        place.wait("the end") { place.names("\(place.inbox)/failed") == ["x"] }
        #expect(place.json("\(place.inbox)/failed/x/error.json")?["code"]?.string == "job.cancelled")
        // Five runs of the hook, half a second, one, two and four after each other.
        place.wait("the hook's end", seconds: 40) {
            FileManager.default.contents(atPath: "\(folder.path)/calls")?.count == 5
                && place.names("\(place.state)/hook").isEmpty
        }
        daemon.terminate()
        daemon.waitUntilExit()
        let log = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(log.contains("code=hook.failed"))
    }
}
