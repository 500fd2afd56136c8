import DurableFiles
import Foundation
import Imaging
import JSON
import Testing

/// `clipdragd preview`, `clipdragd report`, and the extras of the same names.
@Suite(.serialized) struct PreviewAndReportTests {
    private static let quick = "settings: {num_steps: 4, max_steps: 3, lora: {steps: 2}}\n"
    private static let spec =
        "image: rabbit.png\nprompt: {source: rabbit face, edit: crying <rabbit> </script>}\n"
        + "drags: [{from: [84, 22], to: [100, 26]}]\nmask: {circle: [92, 24, 40]}\n"

    private func folder(_ spec: String) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try Data(Place.picture).write(to: URL(filePath: "\(folder.path)/rabbit.png"))
        try spec.write(toFile: "\(folder.path)/rabbit.yaml", atomically: true, encoding: .utf8)
        return folder
    }

    @Test func `a preview needs no model and writes one picture`() throws {
        let folder = try folder(Self.spec)
        let out = "\(folder.path)/p.png"
        // HOME and the working folder have no model; the checkout's own is not asked for by name.
        let run = try Program.run(["preview", "\(folder.path)/rabbit.yaml", "--out", out])
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.output.hasPrefix("\(out)\n"))
        let image = try Image(decoding: try PosixFileSystem().read(out))
        let source = try Image(decoding: Place.picture)
        #expect(image.width > 2 * source.width && image.height % source.height == 0)
        let json = try Program.run(["preview", "\(folder.path)/rabbit.yaml", "--out", out, "--json"])
        #expect(JSONValue(parsing: Array(json.output.utf8))?["preview"]?.string == out)
        let bad = try Program.run(["preview", "\(folder.path)/rabbit.yaml", "--out", "/nowhere/x.png"])
        #expect(bad.code == 73)
    }

    @Test(.timeLimit(.minutes(10))) func `an edit writes both extras, and the report holds what it must`()
        throws
    {
        let folder = try folder(Self.spec + "output: {extras: [preview, report]}\n" + Self.quick)
        let out = "\(folder.path)/out"
        let run = try Program.run([
            "edit", "\(folder.path)/rabbit.png", "\(folder.path)/rabbit.yaml", "--out", out,
        ])
        #expect(run.code == 0, "\(run.errors)")
        let files = PosixFileSystem()
        #expect(try Image(decoding: try files.read("\(out)/preview.png")).width > 256)
        let page = String(decoding: try files.read("\(out)/report.html"), as: UTF8.self)
        try check(page)
        let trajectory = try #require(JSONValue(parsing: try files.read("\(out)/trajectory.json")))
        #expect(trajectory["files"]?["report"]?.string == "report.html")
        let data = try data(of: page)
        #expect(data["before"]?.string?.hasPrefix("data:image/") == true)
        #expect(data["mask"]?.string?.hasPrefix("data:image/png") == true)
        for name in ["result.png", "preview.png", "spec.yaml"] {
            let digest = try #require(trajectory["sha256"]?[name]?.string)
            #expect(page.contains(digest), "\(name)")
        }
        #expect(data["fineTuningSteps"]?.integer == 2)

        // The command makes the same page of the folder and the picture.
        try files.remove("\(out)/report.html")
        let again = try Program.run(["report", out, "--image", "\(folder.path)/rabbit.png"])
        #expect(again.code == 0 && again.output == "\(out)/report.html\n", "\(again.errors)")
        let second = try self.data(
            of: String(decoding: try files.read("\(out)/report.html"), as: UTF8.self))
        for key in ["before", "after", "mask", "parts", "drags", "series", "settings", "spec", "answer"] {
            #expect(second[key] == data[key], "\(key)")
        }
        // Without the picture it shows the result alone.
        let alone = try Program.run(["report", out, "--out", "\(folder.path)/alone.html"])
        #expect(alone.code == 0 && alone.errors.contains("not at hand"))
        #expect(try Program.run(["report", folder.path]).code == 66)
        #expect(try code(["report", out, "--image", "\(out)/preview.png"]) == "report.other_picture")
        try Data("{}".utf8).write(to: URL(filePath: "\(out)/trajectory.json"))
        #expect(try code(["report", out]) == "report.trajectory")
    }

    private func code(_ words: [String]) throws -> String? {
        let run = try Program.run(words + ["--json"])
        #expect(run.code == 65)
        return JSONValue(parsing: Array(run.output.utf8))?["code"]?.string
    }

    /// No request, no script of others, and the text of the spec as data.
    private func check(_ page: String) throws {
        #expect(page.utf8.count < 1_500_000)
        #expect(page.contains("default-src 'none'"))
        #expect(page.components(separatedBy: "</script>").count == 3, "the data and the page's program")
        for request in [" src=\"", "href=\"http", "@import", "url("] { #expect(!page.contains(request)) }
    }

    private func data(of page: String) throws -> JSONValue {
        let start = try #require(page.range(of: "id=\"data\">")).upperBound
        let end = try #require(page.range(of: "</script>", range: start..<page.endIndex)).lowerBound
        return try #require(JSONValue(parsing: Array(page[start..<end].utf8)))
    }
}
