import Digests
import Foundation
import JSON
import Testing
import TestSupport

/// `clipdragd models fetch` against a local server that imitates the faults of servers and networks.
@Suite(.serialized) struct ModelFetchTests {
    private let folder: TemporaryFolder
    private let server: FileServer
    private var state: String { "\(folder.path)/state" }
    private var model: String { "\(state)/models/tiny" }
    private let source = Fixtures.path("starter/model")
    private let largest = "unet/diffusion_pytorch_model.safetensors"
    private let files = FileManager.default

    init() throws {
        folder = try TemporaryFolder()
        server = try FileServer(serving: Fixtures.path("starter"), log: folder.path)
    }

    private func contents(_ folder: String) -> [String] {
        let all = files.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return all.filter {
            var isFolder: ObjCBool = false
            return files.fileExists(atPath: "\(folder)/\($0)", isDirectory: &isFolder) && !isFolder.boolValue
        }.sorted()
    }

    /// The fixture's manifest, with its files under a path of the server, and with changes.
    private func manifest(_ way: String, _ change: (inout [String: Any], String) -> Void = { _, _ in }) throws
        -> String
    {
        let items = try contents(source).map { name in
            let bytes = Array(try Data(contentsOf: URL(filePath: "\(source)/\(name)")))
            var item: [String: Any] = [
                "path": name, "url": "\(way)/model/\(name)", "sha256": Digest.sha256(bytes),
                "size": bytes.count,
            ]
            change(&item, name)
            return item
        }
        let object: [String: Any] = ["schema": "clipdrag-model/1", "name": "tiny", "files": items]
        let path = "\(folder.path)/manifest.json"
        try JSONSerialization.data(withJSONObject: object).write(to: URL(filePath: path))
        return path
    }

    private func absolute(_ way: String) throws -> String {
        try manifest("\(server.address)/\(way)")
    }

    private func fetch(_ source: String, _ more: String...) throws -> (
        code: Int32, output: String, errors: String
    ) {
        try Program.run(["models", "fetch", source, "--state", state] + more)
    }

    /// The code that a command of models fails with.
    private func code(_ words: String...) throws -> String? {
        let run = try Program.run(["models"] + words + ["--state", state, "--json"])
        return run.output.split(separator: "\n").compactMap { JSONValue(parsing: Array($0.utf8)) }
            .compactMap { ($0["failure"] ?? $0)["code"]?.string }.last
    }

    private func expectWhole() {
        #expect(contents(model) == contents(source))
        for name in contents(source) {
            #expect(files.contentsEqual(atPath: "\(source)/\(name)", andPath: "\(model)/\(name)"), "\(name)")
        }
        #expect((try? files.contentsOfDirectory(atPath: "\(state)/models")) == ["tiny"])
    }

    @Test func `fetch downloads a complete model and prints its progress, and the model works`() throws {
        let path = try absolute("plain")
        let first = try fetch(path)
        #expect(first.code == 0, "\(first.errors)")
        #expect(first.output == "tiny\t\(model)\n")
        #expect(first.errors.contains("\(largest): 0 % of") && first.errors.contains("\(largest): 100 % of"))
        expectWhole()
        #expect(try Program.run(["models", "verify", "tiny", "--state", state]).code == 0)
        let again = try fetch(path)
        #expect(again.code == 73 && again.errors.contains("there is a model"))
        #expect(try code("fetch", path) == "model.exists")
        #expect(try code("import", source, "--name", "../x") == "model.name")
    }

    @Test func `a manifest is found by address, by path and by name; its addresses may be relative`() throws {
        // The server gives the manifest too.
        try files.copyItem(atPath: try manifest("plain"), toPath: "\(server.extra)/tiny.json")
        let run = try fetch("\(server.address)/tiny.json", "--json")
        #expect(run.code == 0, "\(run.errors)")
        let lines = run.output.split(separator: "\n").compactMap { JSONValue(parsing: Array($0.utf8)) }
        #expect(lines.contains { $0["file"]?.string == largest && $0["bytes"] == $0["size"] })
        #expect(lines.last?["name"]?.string == "tiny")
        expectWhole()
        try files.removeItem(atPath: model)
        try files.copyItem(atPath: try absolute("plain"), toPath: "\(state)/models/mine.fetch.json")
        #expect(try fetch("mine").code == 0)
        #expect(contents(model) == contents(source))
        #expect(try fetch("nothing").code == 66)
    }

    @Test
    func
        `after a kill during a file fetch continues from there, and the model appears only when it is complete`()
        throws
    {
        let path = try absolute("stall")  // half of the largest file, then silence, the first time
        let process = try Program.start(["models", "fetch", path, "--state", state])
        let part = "\(state)/models/.tiny.fetch/\(largest).part"
        func size() -> Int {
            (try? files.attributesOfItem(atPath: part)[.size] as? Int) ?? 0
        }
        let half = try #require(try files.attributesOfItem(atPath: "\(source)/\(largest)")[.size] as? Int) / 2
        let end = Date().addingTimeInterval(60)
        while size() < half, Date() < end { Thread.sleep(forTimeInterval: 0.02) }
        // Meanwhile other fetches and imports are refused.
        let other = try Program.run(["models", "import", source, "--name", "other", "--state", state])
        #expect(other.code == 75 && other.errors.contains("is under way"), "\(other.errors)")
        #expect(try code("import", source, "--name", "other") == "model.busy")
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(size() == half)
        #expect(!files.fileExists(atPath: model))
        #expect(try !Program.run(["models", "list", "--state", state]).output.contains("tiny"))
        let before = server.requests.count
        let second = try fetch(path)
        #expect(second.code == 0, "\(second.errors)")
        expectWhole()
        let later = server.requests.dropFirst(before)
        #expect(later.contains { $0.hasPrefix("/stall/model/\(largest) bytes=\(half)-") }, "\(later)")
        // It did not request the bytes that it had.
        #expect(!later.contains { $0.contains("/clip/model.safetensors ") })
    }

    @Test func `fetch resumes after a broken connection by itself`() throws {
        let run = try fetch(try absolute("drop"))
        #expect(run.code == 0, "\(run.errors)")
        expectWhole()
        let asked = server.requests.filter { $0.contains(largest) }
        #expect(asked.count >= 2 && asked[1].contains("bytes=") && !asked[1].contains("bytes=0-"), "\(asked)")
    }

    @Test func `fetch works with a server without ranges, one that fails at first, and one that redirects`()
        throws
    {
        for way in ["whole", "busy", "moved"] {
            let run = try fetch(try absolute(way))
            #expect(run.code == 0, "\(way): \(run.errors)")
            expectWhole()
            try files.removeItem(atPath: model)
        }
        // A server without ranges, after an interruption: from the beginning.
        let part = "\(state)/models/.tiny.fetch/\(largest).part"
        try files.createDirectory(
            at: URL(filePath: part).deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("the beginning of something else".utf8).write(to: URL(filePath: part))
        // Files of another manifest are not installed.
        try Data("x".utf8).write(to: URL(filePath: part + "2"))
        #expect(try fetch(try absolute("whole")).code == 0)
        expectWhole()
    }

    @Test func `fetch discards bytes that do not match the manifest, and installs nothing`() throws {
        let run = try fetch(try absolute("damaged"))
        #expect(run.code == 69)
        #expect(run.errors.contains("SHA-256") && run.errors.contains("It was removed"), "\(run.errors)")
        #expect(!files.fileExists(atPath: model))
        #expect(!contents("\(state)/models").contains { $0.hasSuffix(".part") })
        #expect(try code("fetch", try absolute("damaged")) == "model.digest")
        // The right bytes are accepted then.
        #expect(try fetch(try absolute("plain")).code == 0)
        expectWhole()
    }

    @Test func `a missing file and a wrong size are errors`() throws {
        let missing = try fetch(try absolute("nowhere"))
        #expect(missing.code == 69 && missing.errors.contains("answered 404"), "\(missing.errors)")
        #expect(try code("fetch", try absolute("nowhere")) == "model.fetch")
        for (more, word) in [(-1, "sends more than"), (1, "the manifest says")] {
            let path = try manifest("\(server.address)/plain") { item, name in
                if name == largest, let size = item["size"] as? Int { item["size"] = size + more }
            }
            let run = try fetch(path)
            #expect(run.code == 69 && run.errors.contains(word), "\(run.errors)")
            #expect(!files.fileExists(atPath: model))
        }
    }

    @Test func `an answer that is no file leaves no files`() throws {
        let part = "\(state)/models/.tiny.fetch/\(largest).part"
        try files.createDirectory(
            at: URL(filePath: part).deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("a beginning".utf8).write(to: URL(filePath: part))
        let run = try fetch(try absolute("choices"))
        #expect(run.code == 69 && run.errors.contains("answered 300"), "\(run.errors)")
        #expect(!files.fileExists(atPath: part))
    }

    @Test func `fetch ignores the user's curl configuration, and names curl when it is missing`() throws {
        let path = try absolute("plain")
        try Data("output = \(folder.path)/elsewhere\nproxy = http://127.0.0.1:9\n".utf8)
            .write(to: URL(filePath: "\(folder.path)/.curlrc"))
        let words = ["models", "fetch", path, "--state", state]
        let run = try Program.run(
            words,
            environment: ["HOME": folder.path, "CURL_HOME": folder.path, "XDG_CONFIG_HOME": folder.path])
        #expect(run.code == 0, "\(run.errors)")
        expectWhole()
        #expect(!files.fileExists(atPath: "\(folder.path)/elsewhere"))
        try files.removeItem(atPath: model)
        let without = try Program.run(words, environment: ["PATH": folder.path])
        #expect(without.code == 69 && without.errors.contains("apt install curl"), "\(without.errors)")
    }

    @Test func `fetch refuses a bad manifest before it downloads anything`() throws {
        let digest = String(repeating: "0", count: 64)
        let url = "\(server.address)/plain/model/unet/config.json"
        func item(_ path: String, _ url: String, _ digest: String) -> String {
            #"{"path": "\#(path)", "url": "\#(url)", "sha256": "\#(digest)", "size": 1}"#
        }
        func text(_ items: String..., name: String = "x") -> String {
            #"{"schema": "clipdrag-model/1", "name": "\#(name)", "files": [\#(items.joined(separator: ","))]}"#
        }
        let path = "\(folder.path)/m.json"
        for (manifest, word) in [
            ("no JSON", "is no manifest"), (text(), "lists no `files`"),
            (text(item("a", url, digest), name: "../x"), "no `name`"),
            (text(item("../a", url, digest)), "`path` is `../a`"),
            (text(item("/a", url, digest)), "`path` is `/a`"),
            (text(item("a/.b", url, digest)), "`path` is `a/.b`"),
            (text(item("a", url, digest), item("a", url, digest)), "names `a` twice"),
            (text(item("a", "file:///etc/passwd", digest)), "no `url`"),
            (text(item("a", "b", digest)), "no `url`"),
            (text(item("a", url, "12")), "no `sha256`"),
            (text(item("a", url, digest).replacingOccurrences(of: "1}", with: "-1}")), "no `size`"),
        ] {
            try Data(manifest.utf8).write(to: URL(filePath: path))
            let run = try fetch(path)
            #expect(run.code == 65 && run.errors.contains(word), "\(manifest): \(run.errors)")
        }
        #expect(try code("fetch", path) == "model.manifest")
        #expect(server.requests.isEmpty)
        #expect(!files.fileExists(atPath: "\(state)/models"))
    }
}

/// A web server for one test: it serves files below a folder in several ways, and logs requests. It ends with its standard
/// input, because Foundation starts programs with signals blocked.
private final class FileServer {
    private let process = Process()
    private let life = Pipe()
    private let logPath: String
    /// A folder whose files it serves at its root.
    let extra: String
    let address: String

    init(serving folder: String, log: String) throws {
        logPath = "\(log)/requests"
        extra = "\(log)/extra"
        try FileManager.default.createDirectory(atPath: extra, withIntermediateDirectories: true)
        try Data().write(to: URL(filePath: logPath))
        let script = "\(log)/server.py"
        try Data(Self.script.utf8).write(to: URL(filePath: script))
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", script, folder, extra, logPath]
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = life
        process.standardError = FileHandle.nullDevice
        try process.run()
        let port = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        address = "http://127.0.0.1:\(port.trimmingCharacters(in: .whitespacesAndNewlines))"
    }

    deinit {
        try? life.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// The requested paths and ranges.
    var requests: [String] {
        ((try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "").split(separator: "\n").map(
            String.init)
    }

    private static let script = #"""
        import http.server, os, re, sys, threading, time
        folder, extra, log = sys.argv[1:4]
        seen = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *a): pass
            def do_GET(self):
                asked = self.headers.get("Range", "")
                with open(log, "a") as f: f.write(f"{self.path} {asked}\n")
                seen[self.path] = seen.get(self.path, 0) + 1
                first = seen[self.path] == 1
                way, _, name = self.path[1:].partition("/")
                path = os.path.join(folder, name) if name else os.path.join(extra, way)
                if way == "nowhere" or not os.path.isfile(path):
                    return self.fail(404)
                if way == "moved":
                    self.send_response(302)
                    self.send_header("Location", f"/plain/{name}")
                    self.send_header("Content-Range", "bytes 9-9/10")
                    self.send_header("Content-Length", "5")
                    self.end_headers()
                    return self.wfile.write(b"moved") and None
                if way == "choices" and "unet/diffusion" in name:
                    self.send_response(300)
                    self.send_header("Content-Length", "7")
                    self.end_headers()
                    return self.wfile.write(b"choices") and None
                if way == "busy" and first:
                    return self.fail(503)
                data = open(path, "rb").read()
                if way == "damaged":
                    data = bytes([data[0] ^ 1]) + data[1:]
                start, end = 0, len(data)
                match = re.fullmatch(r"bytes=(\d+)-", asked)
                if match and way != "whole":
                    start = int(match[1])
                    if start >= len(data): return self.fail(416)
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(end - start))
                self.end_headers()
                if first and way in ("stall", "drop") and "unet/diffusion" in name:
                    self.wfile.write(data[start:len(data) // 2])
                    self.wfile.flush()
                    if way == "stall": time.sleep(300)
                    self.close_connection = True
                    return
                self.wfile.write(data[start:end])
            def fail(self, code):
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
        print(server.server_port, flush=True)
        server.serve_forever()
        """#
}
