import DurableFiles
import Foundation
import Glibc
import JSON
import Testing

/// The folder X.d beside the configuration X.yaml.
@Suite struct ConfigurationPiecesTests {
    private func write(_ path: String, _ text: String) throws {
        let files = PosixFileSystem()
        try files.createDirectory(parent(path))
        try files.replace(path, Array(text.utf8), mode: 0o644)
    }

    @Test func `check-config reads the pieces in the order of their bytes, and names them`() throws {
        let folder = try TemporaryFolder()
        let main = "\(folder.path)/config.yaml"
        try write(main, "inboxes: [{path: /srv/in}]\noutbox: /srv/out\n")
        // Ö comes after z by its bytes.
        for name in ["b.yaml", "a.yml", "B.yaml", "Ö.yaml", "z.yaml"] {
            try write("\(folder.path)/config.d/\(name)", "outbox: /srv/\(name)\n")
        }
        for name in [".hidden.yaml", "c.yaml~", "notes.txt", "folder.yaml/x.yaml"] {
            try write("\(folder.path)/config.d/\(name)", "nonsense: 1\n")
        }
        try write("\(folder.path)/blue.d/x.yaml", "nonsense: 1\n")
        let run = try Program.run(["check-config", main])
        #expect(run.code == 0, "\(run.errors)")
        #expect(
            run.output
                == "\(main): good\n"
                + ["B.yaml", "a.yml", "b.yaml", "z.yaml", "Ö.yaml"].map {
                    "  piece      \(folder.path)/config.d/\($0)\n"
                }.joined() + "  inbox      /srv/in, auto\n  outbox     /srv/Ö.yaml\n")
        let json = JSONValue(parsing: Array(try Program.run(["check-config", main, "--json"]).output.utf8))
        guard case .array(let pieces)? = json?["pieces"] else {
            Issue.record("no pieces")
            return
        }
        #expect(pieces.count == 5 && pieces[0].string == "\(folder.path)/config.d/B.yaml")
        // The file of --config has its own pieces, whatever its name.
        try write("\(folder.path)/blue.yaml", "workers: 1\n")
        let blue = try Program.run(["check-config", "\(folder.path)/blue.yaml"])
        #expect(blue.code == 78 && blue.errors.hasPrefix("\(folder.path)/blue.d/x.yaml:1:1: error: "))
    }

    @Test func `an unreadable piece is a configuration error`() throws {
        let folder = try TemporaryFolder()
        try write("\(folder.path)/c.yaml", "workers: 1\n")
        try PosixFileSystem().createDirectory("\(folder.path)/c.d")
        symlink("nowhere", "\(folder.path)/c.d/x.yaml")
        let run = try Program.run(["check-config", "\(folder.path)/c.yaml"])
        #expect(run.code == 78 && run.errors.hasPrefix("\(folder.path)/c.d/x.yaml: error: open failed"))
    }

    @Test func `the daemon watches the inboxes of pieces, and its worker reads the pieces too`() throws {
        let place = try Place()
        let more = "\(place.folder.path)/more"
        try PosixFileSystem().createDirectory(more)
        try write(
            "\(place.folder.path)/config.d/more.yaml", "inboxes: [{path: \(more)}]\nlimits: {pixels: 1K}\n")
        // The real worker in its sandbox: the picture has more pixels than the piece allows.
        try Data(Place.picture).write(to: URL(filePath: "\(more)/x.png"))
        try write("\(more)/x.yaml", "prompt: a cat\n")
        let run = try Program.run(place.arguments + ["--once"])
        #expect(run.code == 75, "\(run.errors)")
        #expect(place.json("\(more)/failed/x/error.json")?["code"]?.string == "image.too_large")
    }

    @Test func `a reload reads the pieces too; a bad piece keeps the old configuration`() throws {
        let place = try Place()
        let calls = "\(place.folder.path)/calls"
        try write("\(place.folder.path)/hook", "#!/bin/sh\necho >> \(calls)\n")
        chmod("\(place.folder.path)/hook", 0o755)
        let errors = Pipe()
        let daemon = try place.start(errors: errors)
        defer { daemon.terminate() }
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        var log = ""
        func reload(_ text: String, until words: String) throws {
            try write("\(place.folder.path)/config.d/hook.yaml", text)
            kill(daemon.processIdentifier, SIGHUP)
            log = ""
            while !log.contains(words) {
                let data = errors.fileHandleForReading.availableData
                if data.isEmpty { break }
                log += String(decoding: data, as: UTF8.self)
            }
            #expect(log.contains(words))
        }
        func edit(_ name: String) throws {
            try place.drop(picture: "\(name).png")
            try place.drop(spec: "\(name).yaml")
            place.wait(name) { place.names(place.outbox).contains(name) }
        }
        try edit("before")
        #expect(!FileManager.default.fileExists(atPath: calls))
        try reload("hook: \(place.folder.path)/hook\n", until: "configuration reloaded")
        try edit("one")
        place.wait("the hook") { FileManager.default.contents(atPath: calls)?.count == 1 }
        try reload("hook: null\nworker: 2\n", until: "the old configuration stays")
        try edit("two")
        place.wait("the hook") { FileManager.default.contents(atPath: calls)?.count == 2 }
    }
}
