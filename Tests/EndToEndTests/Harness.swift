import DurableFiles
import Foundation
import JSON
import Testing

/// The built program.
enum Program {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        .standardizedFileURL

    static let path: String = {
        #if DEBUG
            let folder = "debug"
        #else
            let folder = "release"
        #endif
        return root.appending(path: ".build/\(folder)/clipdragd").path(percentEncoded: false)
    }()

    /// Starts the program.
    static func start(
        _ arguments: [String], environment: [String: String] = [:], errors: Any? = nil, output: Pipe? = nil
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardError = errors ?? FileHandle.nullDevice
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Runs the program to its end.
    ///
    /// - Parameters:
    ///   - launcher: a command, searched for in PATH, that starts it.
    ///   - program: the path of the program, or of a copy.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], launcher: [String] = [],
        program: String = path
    ) throws -> (code: Int32, output: String, errors: String) {
        let folder = try TemporaryFolder()
        // Files, not pipes: a long output cannot block.
        let (out, err) = ("\(folder.path)/out", "\(folder.path)/err")
        for path in [out, err] { try Data().write(to: URL(filePath: path)) }
        let process = Process()
        process.executableURL = URL(filePath: launcher.isEmpty ? program : "/usr/bin/env")
        process.arguments = launcher.isEmpty ? arguments : launcher + [program] + arguments
        // Each run has its own cache, unless a test shares one.
        process.environment =
            ProcessInfo.processInfo.environment
            .merging(["STATE_DIRECTORY": "\(folder.path)/state"]) { $1 }.merging(environment) { $1 }
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: out))
        process.standardError = try FileHandle(forWritingTo: URL(filePath: err))
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return (
            process.terminationStatus, try String(contentsOfFile: out, encoding: .utf8),
            try String(contentsOfFile: err, encoding: .utf8)
        )
    }
}

/// A folder that is removed with its last user.
final class TemporaryFolder {
    let path: String

    /// - Parameter isOpen: whether every user can enter it; the checkout may lie in a closed home.
    init(isOpen: Bool = false) throws {
        let places = isOpen ? URL(filePath: "/tmp") : Program.root.appending(path: ".build/test-places")
        let folder = places.appending(path: "clipdragd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path(percentEncoded: false)
        if isOpen { chmod(path, 0o755) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A copy of the program for the user nobody, with its models and the libraries outside system folders. Only root can run it
/// as nobody.
final class ProgramOfNobody {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder(isOpen: true)
        path = "\(folder.path)/clipdragd"
        let script = """
            set -e
            cp "$0" "$1/clipdragd"
            mkdir "$1/lib"
            ldd "$0" | awk '$3 ~ "^/" && $3 !~ "^/(usr/)?lib" { print $3 }' | xargs -r cp -t "$1/lib"
            cp -r "$2" "$1/Models"
            chmod -R a+rX "$1"
            """
        let copying = try Process.run(
            URL(filePath: "/bin/sh"),
            arguments: [
                "-c", script, Program.path, folder.path, Program.root.appending(path: "Models").path(),
            ])
        copying.waitUntilExit()
        guard copying.terminationStatus == 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    func run(_ arguments: [String], environment: [String: String] = [:]) throws -> (
        code: Int32, output: String, errors: String
    ) {
        try Program.run(
            arguments, environment: environment.merging(["LD_LIBRARY_PATH": "\(folder.path)/lib"]) { $1 },
            launcher: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"], program: path)
    }
}

/// An inbox, an outbox and a state folder, with a script in place of the worker. It does what a word in the spec's prompt
/// says: CRASH, SLOW, HUNGRY, STEADY, SILENT, REFUSE, DISKFULL, MISCONFIGURED, DAMAGED, LITTER; without such a
/// word it writes a result at once.
final class Place {
    let folder: TemporaryFolder
    var inbox: String { "\(folder.path)/in" }
    var outbox: String { "\(folder.path)/out" }
    var state: String { "\(folder.path)/state" }
    private let worker: String
    let config: String

    /// - Parameters:
    ///   - verdict: what the stand-in worker's trajectory says of the drags.
    ///   - forecast: the seconds that it forecasts; nil: none.
    init(
        extra: String = "", verdict: String = "moved", forecast: Int? = nil, limits: String = "",
        isOpen: Bool = false
    ) throws {
        folder = try TemporaryFolder(isOpen: isOpen)
        worker = "\(folder.path)/worker"
        config = "\(folder.path)/config.yaml"
        try FileManager.default.createDirectory(atPath: inbox, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: outbox, withIntermediateDirectories: true)
        let script = """
            #!/bin/sh
            while [ $# -gt 0 ]; do
              case "$1" in --out=*) out=${1#*=};; --spec=*) spec=${1#*=};; --id=*) id=${1#*=};; --image=*) image=${1#*=};; --duplicate-of=*) dup=${1#*=};; esac
              shift
            done
            echo "$id $(basename "$spec")" >> '\(folder.path)/started'
            echo '{"schema":"clipdrag-progress/1","stage":"drag","step":1,"total":2\(forecast.map { ",\"forecast\":\($0)" } ?? "")}'
            if grep -q CRASH "$spec"; then kill -9 $$; fi
            if grep -q REFUSE "$spec"; then
              echo '{"schema":"clipdrag-failure/1","failure":{"kind":"badSpec","code":"spec.test","message":"no","hint":"do","place":{"file":"x","line":1,"column":2},"retryable":false}}'; exit 65
            fi
            if grep -q DISKFULL "$spec" && [ ! -e '\(folder.path)/space' ]; then
              echo '{"schema":"clipdrag-failure/1","failure":{"kind":"badOutput","code":"file.write","message":"no space left","hint":"wait","retryable":true}}'; exit 73
            fi
            if grep -q MISCONFIGURED "$spec" && [ ! -e '\(folder.path)/space' ]; then
              echo '{"schema":"clipdrag-failure/1","failure":{"kind":"badConfiguration","code":"config.test","message":"no such key","hint":"mend it","retryable":false}}'; exit 78
            fi
            if grep -q SLOW "$spec"; then sleep 20; fi
            if grep -q SILENT "$spec"; then exec >&-; sleep 20; fi
            if grep -q LITTER "$spec"; then sleep 600 & echo $! > '\(folder.path)/litter'; exit 1; fi
            if grep -q HUNGRY "$spec"; then exec python3 -c 'import time; x = b"x" * (200 << 20); time.sleep(20)'; fi
            if grep -q STEADY "$spec"; then
              for i in 1 2 3 4 5 6 7 8; do sleep 0.5; echo "{\\"schema\\":\\"clipdrag-progress/1\\",\\"stage\\":\\"drag\\",\\"step\\":$i,\\"total\\":9}"; done
            fi
            # half of the files first: a reader must never see this
            cat "$image" > "$out/result.png" || exit 70
            sum=$(sha256sum < "$out/result.png" | cut -d' ' -f1)
            if grep -q DAMAGED "$spec"; then echo more >> "$out/result.png"; fi
            verdict='{"drag":"\(verdict)","text":null,"damage":"slight"}'
            printf '{"job":{"id":"%s"},"duplicate_of":"%s","sha256":{"result.png":"%s"},"verdict":%s}' "$id" "$dup" "$sum" "$verdict" \
              > "$out/trajectory.json"
            """
        try script.write(toFile: worker, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: worker)
        let text = "limits: {quiet: 0.2s\(limits)}\ninboxes: [{path: \(inbox)}]\noutbox: \(outbox)\n\(extra)"
        try text.write(toFile: config, atomically: true, encoding: .utf8)
    }

    var arguments: [String] { ["run", "--config", config, "--state", state] }

    /// The daemon, with the stand-in worker.
    func start(once: Bool = false, environment: [String: String] = [:], errors: Any? = nil) throws -> Process
    {
        try Program.start(
            arguments + (once ? ["--once"] : []),
            environment: ["CLIPDRAGD_WORKER": worker].merging(environment) { $1 }, errors: errors)
    }

    /// Runs the daemon until everything is done.
    func runOnce() throws -> Int32 {
        let process = try start(once: true)
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// A whole picture, small and valid.
    static let picture: [UInt8] = {
        let file = Program.root.appending(path: "examples/rabbit-face.png")
        return (try? Array(Data(contentsOf: file))) ?? []
    }()

    func drop(picture name: String) throws {
        try Data(Self.picture).write(to: URL(filePath: "\(inbox)/\(name)"))
    }

    func drop(spec name: String, _ text: String = "prompt: a cat\n") throws {
        try Data(text.utf8).write(to: URL(filePath: "\(inbox)/\(name)"))
    }

    /// Names in a folder but dot files.
    func names(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { !$0.hasPrefix(".") }
            .sorted()
    }

    /// Drops a file whose name is bytes.
    func drop(_ bytes: [UInt8], as name: [UInt8]) throws {
        try PosixFileSystem().create("\(inbox)/\(PathCoding.text(name))", bytes, mode: 0o644)
    }

    /// Names in a folder but dot files, as bytes.
    func rawNames(_ folder: String) throws -> Set<[UInt8]> {
        Set(try PosixFileSystem().list(folder).map { PathCoding.bytes($0.name) }.filter { $0.first != 0x2e })
    }

    /// Names of specs whose worker was started, in order.
    var started: [String] {
        let text = (try? String(contentsOfFile: "\(folder.path)/started", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { $0.split(separator: " ").last.map(String.init) }
    }

    func json(_ path: String) -> JSONValue? {
        FileManager.default.contents(atPath: path).flatMap { JSONValue(parsing: Array($0)) }
    }

    /// Waits until a condition holds; the timeout is long, because the machine may be busy.
    func wait(_ what: String, seconds: Double = 60, _ condition: () -> Bool) {
        let end = Date().addingTimeInterval(seconds)
        while !condition() {
            if Date() > end {
                Issue.record("waited in vain for: \(what)")
                return
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }
}
