import Digests
import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import ServiceConfiguration
import SpecParser
import SystemPackage
import Testing

@testable import DaemonCore
import YAMLDocuments

/// The daemon's queue on a model disk: scan, claim, publish, fail and recovery, with crashes, power cuts and failing
/// calls by seed. Each seed is one history of an inbox; after each process the promises must hold.
///
/// `CLIPDRAGD_MODEL_SEEDS=N` tries N histories, `CLIPDRAGD_MODEL_FIRST=S` begins with seed S.
@Suite struct ModelDiskTests {
    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    @Test func `every promise holds in every history of a disk that forgets, fails and dies`() throws {
        let first = UInt64(Self.number("CLIPDRAGD_MODEL_FIRST") ?? 1)
        let count = UInt64(Self.number("CLIPDRAGD_MODEL_SEEDS") ?? 150)
        var deaths = 0
        for seed in first..<first + count {
            var history = History(seed: seed)
            do { deaths += try history.live() } catch {
                Issue.record(
                    "seed \(seed), \(history.steps.joined(separator: ", ")): \(error); \(history.disk.files.keys.sorted())"
                )
                return
            }
        }
        #expect(deaths > count / 2, "faults were met")
        print("model disk: \(count) histories, \(deaths) faults met")
    }

    /// The last call succeeds, so nothing may depend on the unsynced changes of earlier ones.
    @Test(arguments: [(Configuration.Inputs.delete, false), (.archive, false), (.archive, true)])
    func `an archived picture stays archived after a power cut, whatever failed before`(
        _ inputs: Configuration.Inputs, _ isElsewhere: Bool
    ) throws {
        var configuration = Configuration()
        (configuration.inboxes, configuration.outbox) = ([.init(path: "/in")], "/out")
        configuration.inputs = inputs
        if isElsewhere { (configuration.archive, configuration.failed) = ("/else/archive", "/else/failed") }
        let pair = Pair(
            inbox: "/in", spec: "x.yaml", image: "x.png", others: [], priority: 0, dropped: 0)
        let failure = Failure(.badJob, code: "image.corrupt", message: "no", hint: "do")
        for (at, isGood) in (1...40).flatMap({ [($0, true), ($0, false)] }) {
            for seed in 0..<8 {
                let disk = ModelDisk(seed: UInt64(seed), devices: ["else"])
                for path in ["/in/x.yaml", "/in/x.png", "/in/.clipdragd/lock", "/out/.keep", "/else/.keep"] {
                    disk.drop(path, Array(path.utf8))
                }
                let store = ClaimStore(files: DurableFileSystem(disk), configuration: configuration)
                var job = try #require(try store.claim(pair, id: "x"))
                try store.prepareRun(&job)
                disk.restart(.errors(at: at, count: 1, number: .ioError))
                func end() throws {
                    if isGood {
                        _ = try store.publish(&job)
                        try store.putInputsAway(job, stillNeeded: [])
                    } else {
                        try store.fail(job, failure, attempts: 1, stillNeeded: [])
                    }
                }
                do { try end() } catch {
                    if store.isClaimGone(job) {
                        try store.finishMoves(from: "/in", besides: [])
                    } else {
                        try end()
                    }
                }
                disk.cutPower()
                #expect(disk.files["/in/x.png"] == nil, "call \(at) failed, seed \(seed), \(isGood)")
            }
        }
    }

    /// The model loses data: a file renamed without any sync does not survive in every history.
    @Test func `the model disk may lose unsynced changes and never loses synced ones`() throws {
        var lost = 0
        for seed in 0..<64 {
            let disk = ModelDisk(seed: UInt64(seed))
            let files = DurableFileSystem(disk)
            try files.createDirectory("/a")
            try files.create("/a/safe", Array("safe".utf8), mode: 0o644)
            let file = try disk.openToWrite("/a/unsafe.tmp", mode: 0o644, exclusive: true)
            _ = try disk.write(file, Array("x".utf8)[...], "/a/unsafe.tmp")
            try disk.rename("/a/unsafe.tmp", to: "/a/unsafe", replacing: false)
            disk.cutPower()
            #expect(try files.read("/a/safe") == Array("safe".utf8))
            if disk.files["/a/unsafe"] != Array("x".utf8) { lost += 1 }
        }
        #expect(lost > 32)
    }
}

private struct Broken: Error, CustomStringConvertible {
    let description: String
}

private func demand(_ condition: Bool, _ what: @autoclosure () -> String) throws(Broken) {
    if !condition { throw Broken(description: what()) }
}

/// One inbox through several processes of its daemon.
private struct History {
    static let picture = Array("a picture".utf8)
    /// The dropped files: x and y are published (y names x's picture), bad fails by its spec and torn by its picture.
    static let dropped: [String: String] = [
        "x.png": "a picture", "x.yaml": "prompt: a cat\n",
        "y.yaml": "image: x.png\nprompt: a dog\npriority: 3\n",
        "bad.png": "b picture", "bad.yaml": "prompt: REFUSED\n", "torn.png": "t picture",
        "torn.yaml": "prompt: BROKEN\n",
    ]

    let disk: ModelDisk
    var chance: Chance
    var configuration = Configuration()
    /// The steps of the history, for the failure message.
    var steps: [String] = []

    init(seed: UInt64) {
        chance = Chance(seed &* 0x1234_5678_9abc_def1)
        disk = ModelDisk(seed: seed, devices: ["else"])
        (configuration.inboxes, configuration.outbox) = ([.init(path: "/in")], "/out")
        configuration.inputs = [.archive, .archive, .keep, .delete][chance.next(4)]
        let isElsewhere = chance.next(3) == 0
        if isElsewhere { (configuration.archive, configuration.failed) = ("/else/archive", "/else/failed") }
        steps.append("inputs: \(configuration.inputs)\(isElsewhere ? " elsewhere" : "")")
        for (name, text) in Self.dropped { disk.drop("/in/\(name)", Array(text.utf8)) }
        for folder in ["out", "state", "else"] { disk.drop("/\(folder)/.keep", []) }
    }

    private var archive: String {
        configuration.inputs == .keep ? "/in/done" : configuration.archive ?? "/in/archive"
    }
    private var failed: String { configuration.failed ?? "/in/failed" }

    /// Runs several daemons with a fault each, then one without a fault, and another that must change nothing.
    ///
    /// - Returns: the number of faults that occurred.
    mutating func live() throws -> Int {
        var met = 0
        for _ in 0...chance.next(4) {
            let fault = nextFault()
            steps.append("\(fault)")
            disk.restart(fault)
            let isDone = ModelDaemon(disk, configuration).run()
            let calls = disk.calls
            switch fault {
            case .death(let at, _), .errors(let at, _, _), .blindness(let at, _, _):
                met += calls >= at ? 1 : 0
            case .none: break
            }
            if disk.isDead || chance.next(3) == 0 {
                steps.append(chance.next(3) > 0 ? "power cut" : "killed")
                if steps.last == "power cut" { disk.cutPower() }
            } else if isDone {
                try checkEnd()
            }
            disk.restart(.none)
            try checkAlways()
        }
        try demand(ModelDaemon(disk, configuration).run(), "a clean life does not end")
        try checkAlways()
        try checkEnd()
        let before = disk.files
        disk.restart(.none)
        try demand(ModelDaemon(disk, configuration).run(), "another clean life does not end")
        let after = disk.files
        let changed = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
        try demand(changed.isEmpty, "another life changes \(changed.sorted())")
        return met
    }

    private mutating func nextFault() -> ModelDisk.Fault {
        // A daemon makes some 400 changing calls.
        let at = 1 + chance.next(chance.next(2) == 0 ? 450 : 150)
        if chance.next(2) == 0 { return .death(at: at, after: chance.next(2) == 0) }
        let numbers: [Errno] = [
            .noSpace, .diskQuotaExceeded, .ioError, .readOnlyFileSystem, .permissionDenied, .tooManyOpenFiles,
            .interrupted, .noMemory,
        ]
        let (count, number) = (1 + chance.next(4), numbers[chance.next(numbers.count)])
        return chance.next(3) == 0
            ? .blindness(at: at, count: count, number: number) : .errors(at: at, count: count, number: number)
    }

    // MARK: - Promises

    /// The spec of each published folder's job.
    private func published() throws -> [String: String] {
        var found: [String: String] = [:]
        for name in disk.names("/out") where !name.hasPrefix(".") {
            let inside = disk.names("/out/\(name)")
            try demand(
                inside == ["result.png", "trajectory.json"], "/out/\(name) is half a result: \(inside)")
            let record = disk.files["/out/\(name)/trajectory.json"].flatMap { JSONValue(parsing: $0) }
            let result = Digest.sha256([disk.files["/out/\(name)/result.png"] ?? []])
            try demand(record?["sha256"]?["result.png"]?.string == result, "/out/\(name) is not whole")
            found[name] = record?["spec"]?.string ?? ""
        }
        return found
    }

    /// After any fault: nothing is lost, no partial result is visible, and nothing is published twice.
    private func checkAlways() throws {
        let specs = try published().values.sorted()
        try demand(Set(specs).count == specs.count, "published twice: \(specs)")
        var everywhere: [[UInt8]: [String]] = [:]
        for (path, bytes) in disk.files where !path.hasPrefix("/out/") {
            everywhere[bytes, default: []].append(path)
        }
        for (name, text) in Self.dropped {
            let isDeleted = configuration.inputs == .delete && ["x.png", "x.yaml", "y.yaml"].contains(name)
            let isPublished = name == "x.png" ? specs.count == 2 : specs.contains(name)
            guard !(isDeleted && isPublished) else { continue }
            try demand(everywhere[Array(text.utf8)] != nil, "\(name) is lost")
        }
        for (path, bytes) in disk.files where path.hasPrefix("\(archive)/") || path.hasPrefix("\(failed)/") {
            guard !path.contains("/."), !lastComponent(path).hasPrefix("error.") else { continue }
            let isWhole = Self.dropped.values.contains { Array($0.utf8) == bytes }
            try demand(isWhole, "\(path) is half written")
        }
    }

    /// At the end: each pair is in one place, with its report, and nothing else is left.
    private func checkEnd() throws {
        let specs = try published()
        try demand(specs == ["x": "x.yaml", "y": "y.yaml"], "published: \(specs)")
        let failures = disk.names(failed).filter { !$0.hasPrefix(".") }
        try demand(failures == ["bad", "torn"], "failed: \(failures)")
        for name in failures {
            let inside = disk.names("\(failed)/\(name)")
            try demand(
                inside == ["\(name).png", "\(name).yaml", "error.json", "error.txt"].sorted(),
                "failed/\(name) has \(inside)")
        }
        let kept: [String] =
            switch configuration.inputs {
            case .archive: ["x.png", "x.yaml", "y.yaml"]
            case .keep: ["x.yaml", "y.yaml"]
            case .delete: []
            }
        try demand(disk.names(archive) == kept, "archived: \(disk.names(archive))")
        let left = disk.names("/in").filter { $0.contains(".") && !$0.hasPrefix(".") }
        try demand(
            left == (configuration.inputs == .keep ? ["bad.png", "x.png"] : ["bad.png"]), "left: \(left)")
        let claims = disk.names("/in/.clipdragd")
        try demand(claims.isEmpty, "claims are left: \(claims)")
        let unpublished = disk.names("/out/.clipdragd")
        try demand(unpublished.isEmpty, "unpublished results are left: \(unpublished)")
        let temporary = disk.files.keys.filter { $0.hasSuffix(".tmp") || $0.hasSuffix(".whole") }
        try demand(temporary.isEmpty, "temporary files are left: \(temporary)")
        let records = disk.names("/state/history")
        try demand(records.count >= 4, "jobs without a record: \(records)")
    }
}

/// The calls that `Daemon` makes to its store, scanner and history, in its order, without processes and clocks.
private final class ModelDaemon {
    private static let mark = "inbox1"
    private let files: DurableFileSystem<ModelDisk>
    private let disk: ModelDisk
    private let store: ClaimStore
    private let history: JobHistory
    private var scanner: InboxScanner
    private var findings = InboxScanner.Findings()
    private var queue = JobQueue()
    private var claimed = 0
    private var hasStrays = false

    init(_ disk: ModelDisk, _ configuration: Configuration) {
        self.disk = disk
        files = DurableFileSystem(disk)
        store = ClaimStore(files: files, configuration: configuration)
        history = JobHistory(stateFolder: "/state", files)
        scanner = InboxScanner(.init(path: "/in"), quiet: 1) { _ in .complete }
    }

    /// Works until all jobs have ended, the process has died, or a turn changes nothing.
    ///
    /// - Returns: whether all jobs have ended.
    func run() -> Bool {
        guard (try? begin()) != nil else { return false }
        for _ in 0..<30 {
            let isLooked = (try? look()) != nil
            for job in queue.all where job.state == .publishing || job.state == .running {
                queue.remove(job.id)
                complete(job)
            }
            while let job = queue.first(where: { $0.state == .waiting }) {
                queue.remove(job.id)
                guard work(job) else { break }
            }
            if disk.isDead { return false }
            if isLooked && queue.isEmpty && findings.pairs.isEmpty { return true }
        }
        return false
    }

    private func begin() throws(FileError) {
        try files.createDirectory("/out/.clipdragd")
        try files.createDirectory("/state/history")
        try files.removeTemporaries("/state/history")
        try files.createDirectory("/in/.clipdragd")
        try takeUpLeftovers()
        try store.removeUnpublished(of: [Self.mark], besides: queue.all)
    }

    private func takeUpLeftovers() throws(FileError) {
        let known = Set(queue.all.map(\.id))
        try store.finishMoves(from: "/in", besides: known)
        for var job in try store.leftovers("/in", besides: known) {
            if job.state == .running { job.state = .waiting }  // its run is gone with the daemon
            if job.state == .publishing { complete(job) } else { queue.add(job) }
        }
    }

    private func look() throws(FileError) {
        if hasStrays { try takeUpLeftovers() }
        hasStrays = true  // unless all goes well
        findings = try scanner.scan(files, now: 1000)
        for pair in findings.pairs {
            claimed += 1
            let id = "\(disk.lives)-\(claimed)-\(Self.mark)-x"
            if let job = try store.claim(pair, id: id) { queue.add(job) }
            findings.named.remove(of: pair.spec)
        }
        if !findings.pairs.isEmpty { findings = try scanner.scan(files, now: 1000) }
        hasStrays = false
    }

    private func stillNeeded(besides job: Job) -> Set<String> {
        var uses = InputUses()
        for other in queue.all where other.id != job.id && other.state != .publishing { uses.add(other) }
        return Set(job.inputs.filter { findings.named.contains($0) || uses.isNeeded($0, in: "/in") })
    }

    /// Runs a job.
    ///
    /// - Returns: whether the next job may start at once.
    private func work(_ job: Job) -> Bool {
        var job = job
        do {
            try store.prepareRun(&job)
            let spec = try files.read("\(job.claim)/\(job.spec)")
            let text = String(decoding: spec, as: UTF8.self)
            if text.contains("REFUSED") { return fail(job, .badSpec, "spec.test") }
            if text.contains("BROKEN") { return fail(job, .badJob, "image.corrupt") }
            let result = try files.read("\(job.claim)/\(job.image ?? "")") + spec
            try files.create("\(store.unpublished(job))/result.png", result, mode: 0o644)
            let trajectory = JSONValue.object([
                ("job", .object([("id", .string(job.id))])), ("spec", .string(job.spec)),
                ("sha256", .object([("result.png", .string(Digest.sha256([result])))])),
            ])
            try files.create(
                "\(store.unpublished(job))/trajectory.json", Array(trajectory.lines.utf8), mode: 0o644)
        } catch {
            job.state = .waiting
            requeue(job)
            return false
        }
        return complete(job)
    }

    @discardableResult private func complete(_ job: Job) -> Bool {
        var job = job
        do {
            let isKnown = history.contains(job.id)
            if isKnown { try history.sync() }
            try store.complete(&job, isKnown: isKnown, stillNeeded: stillNeeded(besides: job)) {
                (job, folder, _) throws(FileError) in
                try history.add(EndedJob(job, .published(folder)))
            }
            return true
        } catch {
            queue.add(job)
            return false
        }
    }

    private func fail(_ job: Job, _ kind: Failure.Kind, _ code: String) -> Bool {
        let failure = Failure(kind, code: code, message: "no", hint: "do")
        do {
            try store.fail(job, failure, attempts: 1, stillNeeded: stillNeeded(besides: job)) {
                (folder) throws(FileError) in try history.add(EndedJob(job, .failed(failure, folder)))
            }
            return true
        } catch {
            var job = job
            job.state = .waiting
            requeue(job)
            return false
        }
    }

    private func requeue(_ job: Job) {
        if store.isClaimGone(job) { hasStrays = true } else { queue.add(job) }
    }
}
