import Foundation
import Testing

/// Schemas and documentation hold what the tables say: `make generate` writes it.
@Suite struct GeneratedFileTests {
    private func check(_ root: String) throws -> (code: Int32, output: String) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: Program.path).deletingLastPathComponent().appending(
            path: "generate")
        process.arguments = ["--check", root]
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    @Test func `no generated part is stale`() throws {
        let (code, output) = try check(Program.root.path(percentEncoded: false))
        #expect(code == 0, "\(output)")
    }

    @Test func `a stale part is found and named`() throws {
        let folder = try TemporaryFolder()
        for part in [
            "schemas", "docs/methods", "share/clipdragd", "Models/starter/tokenizer", "Models/starter/vae",
        ] {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/\(part)", withIntermediateDirectories: true)
        }
        for part in ["web"]
            + [
                "clipdrag.json", "vocabulary.txt", "tokenizer/merges.txt", "tokenizer/tokenizer_config.json",
                "vae/config.json",
            ]
            .map({ "Models/starter/\($0)" })
        {
            try FileManager.default.copyItem(
                atPath: Program.root.appending(path: part).path(percentEncoded: false),
                toPath: "\(folder.path)/\(part)")
        }
        let pages = "Sources/Daemon/WebPages"
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/\(pages)", withIntermediateDirectories: true)
        let changes = [
            "schemas/spec.schema.json": ("\"maximum\": 1000,", "\"maximum\": 1001,"),
            "schemas/trajectory.schema.json": ("\"prograd\"", "\"prodrag\""),
            "schemas/configuration.schema.json": ("\"released\"", "\"published\""),
            "docs/configuration.md": ("| `workers` | 1 |", "| `workers` | 2 |"),
            "docs/spec.md": ("| `max_steps` | 160 |", "| `max_steps` | 161 |"),
            "docs/methods/README.md": ("`latent_lr: 0.02`", "`latent_lr: 0.03`"),
            "share/clipdragd/editor.html": ("\"name\":\"max_steps\"", "\"name\":\"max_step\""),
            "\(pages)/ReportPage.swift": ("default-src 'none'", "default-src *"),
            "\(pages)/GalleryPage.swift": ("default-src 'none'", "default-src *"),
        ]
        for path in changes.keys {
            let text = try String(contentsOf: Program.root.appending(path: path), encoding: .utf8)
            try text.write(toFile: "\(folder.path)/\(path)", atomically: true, encoding: .utf8)
        }
        #expect(try check(folder.path).code == 0)
        for (path, (old, new)) in changes {
            let file = "\(folder.path)/\(path)"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try #require(text.contains(old), "\(path)")
            try text.replacing(old, with: new).write(toFile: file, atomically: true, encoding: .utf8)
            let (code, output) = try check(folder.path)
            #expect(code == 1 && output == "\(path) is stale: run `make generate`\n")
            try text.write(toFile: file, atomically: true, encoding: .utf8)
        }
    }
}
