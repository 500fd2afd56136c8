import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import ServiceConfiguration
import SpecParser
import SystemPackage
import Testing
import TestSupport

@testable import DaemonCore

/// Anyone who may drop files controls an inbox. These tests check that no dropped file lets the daemon read or move files
/// outside the inbox or files of others.
@Suite struct HostileInboxTests {
    private let folder: String
    private let files = PosixFileSystem(followingLinks: false)
    private var inbox: String { "\(folder)/in" }
    private var secret: String { "\(folder)/secret" }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "clipdragd-\(UUID().uuidString)")
            .path(percentEncoded: false)
        for name in ["in/.clipdragd", "out/.clipdragd"] { try files.createDirectory("\(folder)/\(name)") }
        try write("secret", "secret")
        try write("in/x.yaml", "prompt: a cat\n")
        try write("in/x.png", "picture")
    }

    private func write(_ name: String, _ text: String) throws {
        try files.replace("\(folder)/\(name)", Array(text.utf8), mode: 0o644)
    }

    private func text(_ name: String) -> String? {
        (try? files.read("\(folder)/\(name)")).map { String(decoding: $0, as: UTF8.self) }
    }

    private func names(_ name: String) throws -> [String] { try files.list("\(folder)/\(name)").map(\.name) }

    private func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder)/\(name)", withDestinationPath: target)
    }

    private func store(
        _ files: any FileSystem, _ change: (inout Configuration) -> Void = { _ in }
    ) -> ClaimStore {
        var configuration = Configuration()
        (configuration.inboxes, configuration.outbox) = ([.init(path: inbox)], "\(folder)/out")
        change(&configuration)
        return ClaimStore(files: files, configuration: configuration)
    }

    /// The pair as a scan of the inbox finds it.
    private func pair(_ spec: String = "x.yaml", _ image: String = "x.png", others: [String] = []) throws
        -> Pair
    {
        var pair = Pair(inbox: inbox, spec: spec, image: image, others: others, priority: 0, dropped: 0)
        for name in [spec] + ([image] + others).filter(InboxNames.isInput) {
            pair.stamps[name] = try files.status("\(inbox)/\(name)").map { FileStamp($0) }
        }
        return pair
    }

    private func claim(_ pair: Pair, _ store: ClaimStore) throws -> Job {
        try #require(try store.claim(pair, id: "1-1-abcdef-1"))
    }

    @Test func `a claim never reads a picture that became a link during the claim`() throws {
        defer { try? files.removeTree(folder) }
        let (picture, elsewhere) = ("\(inbox)/x.png", secret)
        let swapping = FaultyFileSystem { _ in
            rename(picture, "\(picture).away")
            symlink(elsewhere, picture)
            return {
                unlink(picture)
                rename("\(picture).away", picture)
            }
        }
        #expect(try store(swapping).claim(try pair(), id: "1-1-abcdef-1") == nil)
        #expect(try names("in") == [".clipdragd", "x.png", "x.yaml"])
        #expect(try names("in/.clipdragd").isEmpty)
    }

    @Test func `the daemon follows no links, and does not wait for a pipe`() throws {
        defer { try? files.removeTree(folder) }
        try link("in/link.png", to: secret)
        let calls: [() throws -> Void] = [
            { _ = try files.read("\(inbox)/link.png") },
            { _ = try files.read("\(inbox)/link.png", from: 0, count: 3) },
            { try files.copy("\(inbox)/link.png", to: "\(inbox)/copy.png") },
            { try files.append("\(inbox)/link.png", [1], mode: 0o644) },
        ]
        for call in calls {
            let error = #expect(throws: FileError.self) { try call() }
            #expect(error?.errno == .tooManySymbolicLinkLevels)
        }
        #expect(text("secret") == "secret" && text("in/copy.png") == nil)
        #expect(mkfifo("\(inbox)/pipe.png", 0o644) == 0)
        #expect(try files.read("\(inbox)/pipe.png").isEmpty)
        #expect(try PosixFileSystem().read("\(inbox)/link.png") == Array("secret".utf8), "elsewhere they are")
    }

    @Test(arguments: [("../../../secret", "x"), ("x.yaml", "../../x"), ("..", "x"), ("x.yaml", "")])
    func `a record that names a file outside its claim is damaged`(_ spec: String, _ name: String) throws {
        defer { try? files.removeTree(folder) }
        let job = try claim(try pair(), store(files))
        let record = JSONValue.object([
            ("schema", .string(Job.schema)), ("id", .string(job.id)), ("name", .string(name)),
            ("spec", .string(spec)),
            ("state", .string("publishing")),
        ])
        try files.replace("\(job.claim)/.job.json", Array(record.line.utf8), mode: 0o644)
        #expect(try store(files).leftovers(inbox).isEmpty)
        #expect(text("secret") == "secret")
        #expect(try names("in") == [".clipdragd", "x.png", "x.yaml"])
    }

    @Test
    func `the daemon writes no lock through a link, and refuses a claims folder that is a link`()
        throws
    {
        defer { try? files.removeTree(folder) }
        try link("in/.clipdragd/lock", to: secret)
        #expect(throws: FileError.self) { try InboxLock("\(inbox)/.clipdragd/lock") }
        #expect(text("secret") == "secret")
        try files.removeTree("\(inbox)/.clipdragd")
        try link("in/.clipdragd", to: "\(folder)/out")
        let watched = WatchedInbox(.init(path: inbox), quiet: 1) { _ in .complete }
        let error = #expect(throws: FileError.self) { try watched.attach(files) }
        #expect(error?.errno == .tooManySymbolicLinkLevels)
        #expect(try names("out") == [".clipdragd"])
    }

    @Test func `a spec claims neither another spec nor an ignored file`() throws {
        defer { try? files.removeTree(folder) }
        try write("in/other.yaml", "prompt: a dog\n")
        try write("in/.mask.png", "mask")
        let store = store(files)
        let job = try claim(try pair("x.yaml", "other.yaml", others: [".mask.png"]), store)
        #expect(job.inputs.isEmpty)
        let failure = Failure(.badJob, code: "image.format", message: "no", hint: "do")
        try store.fail(job, failure, attempts: 1, stillNeeded: [])
        #expect(try names("in") == [".clipdragd", ".mask.png", "failed", "other.yaml", "x.png"])
        // It runs, and the worker's check reports the error.
        var scanner = InboxScanner(.init(path: inbox), quiet: 1) { _ in .complete }
        try write("in/y.yaml", "image: other.yaml\nmask: .mask.png\nprompt: a cat\n")
        let found = try scanner.scan(files, now: Date().timeIntervalSince1970 + 10)
        #expect(found.pairs.map(\.spec) == ["y.yaml"])
        #expect(Set(found.waiting.keys) == ["other.yaml", "x.png"])
    }

    @Test func `an unreadable file delays no other`() throws {
        defer { try? files.removeTree(folder) }
        try write("in/mine.yaml", "prompt: a cat\n")
        try write("in/mine.png", "picture")
        let files = FaultyFileSystem(unreadable: ["mine.png"])
        let start = Date().timeIntervalSince1970
        var scanner = InboxScanner(.init(path: inbox), quiet: 1) { _ in .complete }
        #expect(try scanner.scan(files, now: start).pairs.isEmpty)
        let found = try scanner.scan(files, now: start + 2)
        #expect(found.pairs.map(\.spec) == ["x.yaml"] && found.settling == ["mine.png"])
        let later = try scanner.scan(files, now: start + 40)
        #expect(later.pairs.map(\.spec) == ["x.yaml"] && later.settling.isEmpty)
        #expect(later.unreadable["mine.png"] == .permissionDenied && later.waiting["mine.png"] != nil)
        // Its owner has corrected it.
        #expect(try scanner.scan(PosixFileSystem(), now: start + 41).pairs.count == 2)
    }

    @Test func `the scanner reads at most the size limit of an oversized file`() throws {
        defer { try? files.removeTree(folder) }
        try write("in/big.yaml", "{")  // not only zeros, which are a placeholder
        for name in ["x.png", "big.yaml"] { #expect(truncate("\(inbox)/\(name)", 3 << 30) == 0) }
        var scanner = InboxScanner(.init(path: inbox), quiet: 1) { bytes in
            Issue.record("\(bytes.count) bytes were read")
            return .incomplete
        }
        let found = try scanner.scan(files, now: Date().timeIntervalSince1970 + 10)
        #expect(found.pairs.map(\.spec) == ["big.yaml", "x.yaml"])
    }

    @Test func `the daemon does not remove another picture of the claimed one's size and time`() throws {
        defer { try? files.removeTree(folder) }
        let store = store(files) { $0.inputs = .delete }
        let job = try claim(try pair(), store)
        try files.remove("\(inbox)/x.png")
        try write("in/x.png", "PICTURE")
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1e9)], ofItemAtPath: "\(inbox)/x.png")
        try store.putInputsAway(job, stillNeeded: [])
        #expect(text("in/x.png") == "PICTURE")
    }

    @Test func `a job that returns to its inbox restores a picture that is missing there`() throws {
        defer { try? files.removeTree(folder) }
        let store = store(files)
        let job = try claim(try pair(), store)
        try files.remove("\(inbox)/x.png")
        try store.returnToInbox(job)
        #expect(try names("in") == [".clipdragd", "x.png", "x.yaml"] && text("in/x.png") == "picture")
    }

    @Test func `a run without a trajectory has a damaged result`() throws {
        defer { try? files.removeTree(folder) }
        let store = store(files)
        var job = try claim(try pair(), store)
        try store.prepareRun(&job)
        #expect(try store.damagedResult(of: job) == "trajectory.json")
    }

    @Test func `a worker's error code has only a code's characters`() {
        func failure(_ code: String) -> Failure? {
            let line = WorkerFailure(Failure(.badSpec, code: code, message: "no", hint: "do"))
            return WorkerFailure(Array(line.oneLine.utf8))?.failure
        }
        #expect(failure("spec.unknown_key")?.code == "spec.unknown_key")
        for code in ["", "a\"} 1\nb", "a b", "A"] { #expect(failure(code) == nil) }
    }

    /// Names of the maximal length, with a number or a mark added; on one file system and between two.
    @Test(arguments: [false, true])
    func `the longest names are archived and put below failed, even if their names are taken`(
        _ isElsewhere: Bool
    )
        throws
    {
        let other = "/dev/shm/\(lastComponent(folder))"
        defer { for path in [folder, other] { try? files.removeTree(path) } }
        let places = isElsewhere ? other : inbox
        let store = store(files) {
            if isElsewhere { ($0.archive, $0.failed) = ("\(other)/archive", "\(other)/failed") }
        }
        let failure = Failure(.badJob, code: "image.corrupt", message: "no", hint: "do")
        let (spec, image) = (
            String(repeating: "n", count: 250) + ".yaml", String(repeating: "n", count: 251) + ".png"
        )
        for round in 1...3 {
            try write("in/s", "\(round)")
            try write("in/p", "\(round)")
            for isGood in [true, false] {
                try files.linkOrCopy("\(inbox)/s", to: "\(inbox)/\(spec)")
                try files.linkOrCopy("\(inbox)/p", to: "\(inbox)/\(image)")
                let job = try claim(try pair(spec, image), store)
                if isGood {
                    try store.putInputsAway(job, stillNeeded: [])
                } else {
                    try store.fail(job, failure, attempts: 1, stillNeeded: [])
                }
                #expect(try names("in/.clipdragd").isEmpty)
            }
        }
        let archived = try files.list("\(places)/archive").map(\.name)
        #expect(archived.count == 6 && archived.contains(spec) && archived.contains(image))
        #expect(archived.count { $0.hasSuffix(".yaml") } == 3)
        let contents = try archived.map { try files.read("\(places)/archive/\($0)") }
        #expect(Set(contents) == [Array("1".utf8), Array("2".utf8), Array("3".utf8)])
        let failed = try files.list("\(places)/failed").map(\.name)
        #expect(failed.count == 3)
        for name in failed {
            #expect(
                try files.list("\(places)/failed/\(name)").map(\.name)
                    == ["error.json", "error.txt", spec, image].sorted())
        }
    }

    /// A link and its target may have different devices, and rename(2) may fail between two mounts of one file system.
    @Test func `the failed folder may be a link to another file system`() throws {
        let other = "/dev/shm/\(lastComponent(folder))"
        defer { for path in [folder, other] { try? files.removeTree(path) } }
        try files.createDirectory(other)
        #expect(try files.status(other)?.device != files.status(folder)?.device)
        try link("failed", to: other)
        let store = store(files) { $0.failed = "\(folder)/failed" }
        let failure = Failure(.badJob, code: "image.corrupt", message: "no", hint: "do")
        try store.fail(try claim(try pair(), store), failure, attempts: 1, stillNeeded: [])
        #expect(try files.list(other).map(\.name) == ["x"])
        #expect(try files.list("\(other)/x").map(\.name) == ["error.json", "error.txt", "x.png", "x.yaml"])
        #expect(try names("in/.clipdragd").isEmpty)
    }
}
