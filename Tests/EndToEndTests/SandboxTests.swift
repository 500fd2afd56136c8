import Foundation
import JSON
import Testing

/// The limits of a worker in its sandbox, tested from inside by a captioning program.
@Suite(.serialized) struct SandboxTests {
    private let folder: TemporaryFolder
    private let probe: String
    private let config: String

    init() throws {
        folder = try TemporaryFolder()
        probe = "\(folder.path)/probe"
        config = "\(folder.path)/config.yaml"
        for name in ["claim", "elsewhere"] {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
        }
        let script = """
            #!/bin/bash
            touch '\(folder.path)/elsewhere/x' 2>/dev/null && a=wrote || a=kept
            touch '\(folder.path)/claim/x' 2>/dev/null && b=wrote || b=kept
            (exec 3<>/dev/udp/127.0.0.1/9) 2>/dev/null && c=opened || c=refused
            f=kept
            for place in '\(folder.path)/state' '\(folder.path)' /dev/shm; do
              touch "$place/clipdragd-probe" 2>/dev/null && { f=wrote; rm "$place/clipdragd-probe"; }
            done
            kill -0 \(getpid()) 2>/dev/null && d=reached || d=apart
            echo "elsewhere $a, claim $b, beyond $f, socket $c, others $d"
            """
        try script.write(toFile: probe, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: probe)
        try "captions: [{command: [\(probe)]}]\n".write(toFile: config, atomically: true, encoding: .utf8)
        try Data(Place.picture).write(to: URL(filePath: "\(folder.path)/claim/cat.png"))
        let spec =
            "drags: [{from: [84, 22], to: [100, 26]}]\nsettings: {max_steps: 1, num_steps: 10, lora: {steps: 0}}\n"
        try spec.write(toFile: "\(folder.path)/claim/cat.yaml", atomically: true, encoding: .utf8)
    }

    /// The caption and its origin.
    private func caption(_ out: String) throws -> String? {
        let bytes = try Data(contentsOf: URL(filePath: "\(out)/trajectory.json"))
        return JSONValue(parsing: Array(bytes))?["prompt"]?["source"]?.string
    }

    private func work(image: String, config: [String] = []) throws -> (code: Int32, output: String) {
        let out = "\(folder.path)/out"
        try? FileManager.default.removeItem(atPath: out)
        try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
        let result = try Program.run(
            [
                "edit-worker", "--spec", "\(folder.path)/claim/cat.yaml", "--image", image, "--out", out,
                "--id", "1", "--name", "cat", "--state", "\(folder.path)/state",
                "--model", Program.root.appending(path: "Models/starter").path(percentEncoded: false),
            ] + config)
        return (result.code, result.output)
    }

    @Test func `a worker writes only into its folder, opens no socket and reaches no other process`()
        throws
    {
        // Outside the sandbox the same program can do all of it.
        let claim = "\(folder.path)/claim"
        let free = "\(folder.path)/free"
        let edit = try Program.run([
            "edit", "\(claim)/cat.png", "\(claim)/cat.yaml", "--out", free, "--config", config,
        ])
        #expect(edit.code == 0, "\(edit.errors)")
        #expect(
            try caption(free) == "elsewhere wrote, claim wrote, beyond wrote, socket opened, others reached")
        try FileManager.default.removeItem(atPath: "\(claim)/x")
        try FileManager.default.removeItem(atPath: "\(folder.path)/elsewhere/x")
        let worker = try work(image: "\(claim)/cat.png", config: ["--config", config])
        #expect(worker.code == 0, "\(worker.output)")
        let inside = try caption("\(folder.path)/out")
        #expect(inside?.hasPrefix("elsewhere kept, claim kept, beyond kept, socket refused, others ") == true)
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/elsewhere/x"))
    }

    @Test func `a captioning program with a network opens sockets, and its answer reaches the sandbox`()
        throws
    {
        let text = "captions: [{command: [\(probe)], network: true}]\n"
        try text.write(toFile: config, atomically: true, encoding: .utf8)
        let worker = try work(image: "\(folder.path)/claim/cat.png", config: ["--config", config])
        #expect(worker.code == 0, "\(worker.output)")
        #expect(try caption("\(folder.path)/out")?.contains("socket opened") == true)
    }

    @Test func `a worker follows no link out of its claim`() throws {
        let secret = "\(folder.path)/elsewhere/secret.png"
        try Data(Place.picture).write(to: URL(filePath: secret))
        let link = "\(folder.path)/claim/link.png"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: secret)
        let worker = try work(image: link)
        #expect(worker.code == 74)
        #expect(worker.output.contains("file.open"))
        #expect(try work(image: "\(folder.path)/claim/cat.png").code == 0)
    }
}
