import Foundation
import Settings
import Testing

/// The documents agree with the sources.
@Suite struct DocumentTests {
    private func text(_ path: String) throws -> String {
        try String(contentsOf: Program.root.appending(path: path), encoding: .utf8)
    }

    private func sources() throws -> [(path: String, text: String)] {
        let root = Program.root.appending(path: "Sources")
        let all = try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
        return try all.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
            .map { ($0.path(percentEncoded: false), try String(contentsOf: $0, encoding: .utf8)) }
    }

    @Test func `every error code is documented`() throws {
        let documented = try text("docs/errors.md")
        var codes: Set<String> = []
        for (_, text) in try sources() {
            for match in text.matches(
                of:
                    /"((spec|config|image|model|edit|worker|job|out|inbox|status|hook|state|command|gallery|report)\.[a-z_]+)"/
            ) { codes.insert(String(match.1)) }
        }
        #expect(codes.count > 50)
        for code in codes.sorted()
        where ![
            "status.json", "spec.json", "spec.yaml", "spec.yml", "image.decoded", "image.result",
            "image.working",
            "image.warped", "report.html",
        ]
        .contains(code) {
            #expect(documented.contains("`\(code)`"), "\(code) is not in docs/errors.md")
        }
    }

    @Test func `every source file that a script or a page names exists`() throws {
        let manager = FileManager.default
        func files(in folder: String) throws -> [String] {
            try manager.subpathsOfDirectory(atPath: Program.root.appending(path: folder).path)
                .map { "\(folder)/\($0)" }
        }
        let named =
            ["Makefile", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "debian/rules"]
            + (try files(in: "scripts") + files(in: "docs")).filter {
                ["sh", "py", "md"].contains(URL(filePath: $0).pathExtension)
            }
        #expect(named.count > 50)
        for file in named {
            for match in try text(file).matches(
                of: /\b(Sources|Tests)\/[A-Za-z0-9_\/-]+\.(swift|sh|py|json|md)\b/)
            // A word in capitals stands for a name.
            where !match.0.contains(/\/[A-Z]+\//) {
                let path = Program.root.appending(path: String(match.0)).path
                #expect(manager.fileExists(atPath: path), "\(file) names \(match.0)")
            }
        }
    }

    @Test func `every setting is documented`() throws {
        let documented = try text("docs/spec.md")
        for setting in Setting.all {
            #expect(
                documented.contains("| `\(setting.name)` |") && documented.contains(setting.text),
                "\(setting.name)")
        }
    }

    @Test func `every method has a page with its source, needs, cost, use, deviations and proof`() throws {
        for row in MethodRow.all where row.name != "none" {
            let page = try text("docs/methods/\(row.name).md")
            #expect(page.hasPrefix("# \(row.name)\n"), "\(row.name)")
            for part in [
                "\nSource: ", "\n## What it computes\n", "\n## What it needs\n", "\n## Cost\n",
                "\n## When to choose it\n", "\n## Deviations\n", "\n## Proof\n",
            ] { #expect(page.contains(part), "\(row.name) has no “\(part)”") }
            let cost = page.split(separator: "\n## Cost\n").last?.split(separator: "\n## ").first ?? ""
            #expect(cost.contains("passes") && cost.contains(where: \.isNumber), "\(row.name)")
        }
    }

    /// Every Markdown page of the repository that people read.
    private func pages() throws -> [String] {
        let docs = try #require(
            FileManager.default.enumerator(atPath: Program.root.appending(path: "docs").path))
        let found = docs.compactMap { $0 as? String }.filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }
        #expect(found.count > 12)
        return found + [
            "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "oracle/README.md",
            "Tests/Fixtures/README.md", "Models/starter/MODEL_CARD.md",
        ]
    }

    @Test func `every link between documents has a target`() throws {
        for path in try pages() {
            let folder = Program.root.appending(path: path).deletingLastPathComponent()
            for match in try text(path).matches(of: /\]\(([^)#]+)\)/) where !match.1.contains("://") {
                let target = folder.appending(path: String(match.1)).path(percentEncoded: false)
                #expect(FileManager.default.fileExists(atPath: target), "\(path): \(match.1)")
            }
        }
    }

    @Test func `every source, script and page that a document names exists`() throws {
        for path in try pages() {
            let named = try text(path).matches(
                of: /\b(?:Sources|Tests|scripts|docs|oracle|schemas)\/[\w\/+.@-]*\w/)
            for match in named {
                let target = Program.root.appending(path: String(match.0)).path(percentEncoded: false)
                #expect(FileManager.default.fileExists(atPath: target), "\(path): \(match.0)")
            }
        }
    }

    @Test func `no page and no source cites a document outside the repository`() throws {
        let texts = try pages().map { ($0, try text($0)) } + sources().map { ($0.path, $0.text) }
        for (path, text) in texts {
            for outside in ["design/", "../shared", "/work/shared", "contract.md"] {
                #expect(!text.contains(outside), "\(path) cites \(outside)")
            }
            for match in text.matches(of: /(\S*)algorithm\.md/) {
                #expect(
                    match.1.hasSuffix("docs/") || !path.contains("/Sources/"),
                    "\(path): write docs/algorithm.md")
            }
        }
    }

    @Test func `each promise of delivery names an existing test`() throws {
        var links = 0
        for match in try text("docs/delivery.md").matches(of: /\[([^\]]+)\]\(\.\.\/(Tests\/[^)]+)\)/) {
            let source = try text(String(match.2))
            #expect(
                source.contains("func `\(match.1)`") || source.contains("def \(match.1)("),
                "\(match.2): \(match.1)")
            links += 1
        }
        #expect(links >= 9)
        // Each promise names a test.
        let promises = try text("docs/delivery.md").split(separator: "\n## ")[0].split(separator: "\n- ")
            .dropFirst()
        for promise in promises { #expect(promise.contains("](../Tests/"), "\(promise)") }
        #expect(promises.count > 15)
    }

    @Test func `C libraries stay in their one module, and no source grows beyond four hundred lines`() throws
    {
        for (path, text) in try sources() {
            // A generated source is as long as what it is made from.
            let isGenerated = text.contains("`make generate` writes this file")
            #expect(
                isGenerated || text.split(separator: "\n", omittingEmptySubsequences: false).count <= 430,
                "\(path)")
            for (library, owner) in [
                ("CYAML", "YAMLDocuments/YAMLReader"), ("CImageCodecs", "Engine/Imaging/"),
                ("CKernels", "Engine/TensorCore/"), ("CCurl", "ModelManagement/HTTPDownload"),
            ] {
                if text.contains("import \(library)\n") {
                    #expect(path.contains(owner), "\(path) imports \(library)")
                }
            }
            #expect(
                !text.contains("try!") && !text.contains("FIXME") && !text.contains("write(to:"), "\(path)")
        }
    }
}
