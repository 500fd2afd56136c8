import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import Logging
import ServiceConfiguration
import Testing
import TestSupport

@testable import DaemonCore

/// The daemon with an executor that is no process: it publishes, retries, cancels and recovers through the protocol only.
@Suite struct ExecutorTests {
    private let scratch: ScratchFolder
    private var folder: String { scratch.path }
    private let files = PosixFileSystem()
    private var inbox: String { "\(folder)/in" }
    private var outbox: String { "\(folder)/out" }

    init() throws {
        scratch = try ScratchFolder()
        for name in ["in", "out", "state"] { try files.createDirectory("\(folder)/\(name)") }
    }

    private func drop(_ name: String, _ prompt: String = "a cat") throws {
        try files.replace("\(inbox)/\(name).png", Array("picture".utf8), mode: 0o644)
        try files.replace("\(inbox)/\(name).yaml", Array("prompt: \(prompt)\n".utf8), mode: 0o644)
    }

    private func daemon(
        _ cluster: FakeCluster, once: Bool = false, limits: Configuration.Limits? = nil
    ) -> (daemon: Daemon, signals: FakeSignals) {
        var configuration = Configuration()
        (configuration.inboxes, configuration.outbox) = ([.init(path: inbox)], outbox)
        configuration.limits = limits ?? configuration.limits
        configuration.limits.quiet = 0.05
        configuration.workers = 2
        let setup = DaemonSetup(
            configuration: configuration, stateFolder: "\(folder)/state", once: once, workerCommand: [],
            version: "test", pictures: .wholeOnly)
        let signals = FakeSignals()
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let executor = FakeExecutor(cluster, name: "local")
        return (Daemon(setup, log: log, executors: [executor], signals: signals), signals)
    }

    /// Turns a daemon's loop until a condition holds.
    private func turn(_ daemon: Daemon, until what: String, _ condition: () throws -> Bool) throws {
        let end = Date().addingTimeInterval(30)
        while try !condition() {
            try #require(Date() < end, "waited in vain for: \(what)")
            _ = daemon.turn()
            _ = daemon.lifecycle.publishAgain()
            Thread.sleep(forTimeInterval: 0.01)
        }
    }

    private func names(_ folder: String) throws -> [String] {
        guard try files.status(folder) != nil else { return [] }
        return try files.list(folder).map(\.name).filter { !$0.hasPrefix(".") }
    }

    private func record() throws -> Job {
        let claim = try #require(try files.list("\(inbox)/.clipdragd").first { $0.kind == .directory })
        return try #require(Job(try files.read("\(inbox)/.clipdragd/\(claim.name)/.job.json"), inbox: inbox))
    }

    /// Changes the record of the only claim.
    private func changeRecord(_ change: (inout Job) -> Void) throws -> Job {
        var job = try record()
        change(&job)
        try files.replace("\(job.claim)/.job.json", job.bytes, mode: 0o644)
        return job
    }

    /// A daemon that has started the run of the job x.
    private func daemonWithRun(_ cluster: FakeCluster) throws -> Daemon {
        let started = daemon(cluster).daemon
        try drop("x")
        try started.begin()
        try turn(started, until: "the run") { cluster.starts == ["x"] }
        return started
    }

    /// Runs a daemon that starts the run of the job x, and is then killed.
    private func runEarlierDaemon(_ cluster: FakeCluster) throws { _ = try daemonWithRun(cluster) }

    @Test func `a run that succeeds is published, and the record names its executor and its ID`() throws {
        let cluster = FakeCluster()
        let daemon = try daemonWithRun(cluster)
        #expect(try record().run == RunReference(executor: "local", id: "fake-1"))
        cluster.report("x", RunProgress(stage: "drag", step: 3, total: 9))
        try turn(daemon, until: "the status") { try status("running").first?["step"]?.integer == 3 }
        #expect(try status("running").first?["run"]?.string == "fake-1")
        try cluster.succeed("x", files)
        try turn(daemon, until: "publishing") { try names(outbox) == ["x"] }
        #expect(try names("\(inbox)/archive") == ["x.png", "x.yaml"])
        #expect(cluster.starts == ["x"])
    }

    private func status(_ key: String) throws -> [JSONValue] {
        let status = JSONValue(parsing: try files.read("\(folder)/state/status.json"))
        guard case .array(let rows)? = status?[key] else { return [] }
        return rows
    }

    @Test func `a crashed run is repeated up to the limit, and a refused job is not`() throws {
        let cluster = FakeCluster()
        var limits = Configuration.Limits()
        limits.attempts = 2
        let (daemon, _) = daemon(cluster, limits: limits)
        try drop("crash")
        try drop("bad", "a dog")
        try daemon.begin()
        try turn(daemon, until: "the runs") { cluster.starts.count == 2 }
        cluster.end("crash", .crashed("the node went down"))
        cluster.end(
            "bad", .failed(Failure(.badJob, code: "image.corrupt", message: "no", hint: "do")))
        try turn(daemon, until: "the second try") { cluster.starts.count == 3 }
        #expect(cluster.attempts("crash") == [1, 2] && cluster.attempts("bad") == [1])
        cluster.end("crash", .crashed("the node went down"))
        try turn(daemon, until: "the failure") { try names("\(inbox)/failed") == ["bad", "crash"] }
        let report = JSONValue(parsing: try files.read("\(inbox)/failed/crash/error.json"))
        #expect(report?["code"]?.string == "worker.crashed" && report?["attempts"]?.integer == 2)
    }

    @Test func `the executor gets the configured limits, and a job that exceeds one fails`()
        throws
    {
        let cluster = FakeCluster()
        var limits = Configuration.Limits()
        (limits.seconds, limits.memory, limits.stalledAfter) = (7, 1 << 20, 9)
        let (daemon, _) = daemon(cluster, limits: limits)
        try drop("x")
        try daemon.begin()
        try turn(daemon, until: "the run") { cluster.starts == ["x"] }
        #expect(cluster.limits == RunLimits(seconds: 7, memory: 1 << 20, stalledAfter: 9))
        cluster.end("x", .exceeded(.memory))
        try turn(daemon, until: "the failure") { try names("\(inbox)/failed") == ["x"] }
        let report = JSONValue(parsing: try files.read("\(inbox)/failed/x/error.json"))
        #expect(report?["code"]?.string == "worker.memory_limit")
    }

    @Test func `cancel stops the run`() throws {
        let cluster = FakeCluster()
        let daemon = try daemonWithRun(cluster)
        let id = try record().id
        try ControlFiles(stateFolder: "\(folder)/state").add(ControlRequest(action: .cancel, job: id))
        try turn(daemon, until: "the end") { try names("\(inbox)/failed") == ["x"] }
        #expect(cluster.stopped == ["x"] && cluster.alive.isEmpty)
    }

    /// The earlier daemon was killed, or was asked to stop.
    @Test(arguments: [false, true])
    func `after a restart the daemon takes up a live run and does not start it twice`(_ isAsked: Bool) throws
    {
        let cluster = FakeCluster()
        do {
            let (first, signals) = daemon(cluster)
            try drop("x")
            try first.begin()
            try turn(first, until: "the run") { cluster.starts == ["x"] }
            if isAsked {
                signals.waiting = [SIGTERM]
                #expect(try first.loop() == .ok)
            }
        }
        #expect(cluster.alive == ["x"])
        let (second, _) = daemon(cluster)
        try second.begin()
        for _ in 0..<5 { _ = second.turn() }
        #expect(cluster.questions == ["fake-1"] && cluster.starts == ["x"])
        #expect(second.runs.count == 1)
        try cluster.succeed("x", files)
        try turn(second, until: "publishing") { try names(outbox) == ["x"] }
        #expect(cluster.starts == ["x"])
    }

    @Test
    func `after a restart the daemon publishes a finished run and starts a lost run again`()
        throws
    {
        let cluster = FakeCluster()
        do {
            let (first, _) = daemon(cluster)
            for name in ["done", "gone"] { try drop(name, name) }
            try first.begin()
            try turn(first, until: "the runs") { cluster.starts.count == 2 }
        }
        try cluster.succeed("done", files)
        cluster.forget("gone")
        let (second, _) = daemon(cluster)
        try second.begin()
        #expect(try names(outbox) == ["done"])
        try turn(second, until: "another run") { cluster.starts.count == 3 }
        #expect(cluster.starts.last == "gone" && cluster.attempts("gone") == [1, 1])
    }

    /// The daemon neither starts the job again nor fails it, and keeps its unpublished result.
    @Test func `runs wait while their executor does not answer`() throws {
        let cluster = FakeCluster()
        try runEarlierDaemon(cluster)
        cluster.isReachable = false
        let (second, _) = daemon(cluster)
        try second.begin()
        for _ in 0..<5 { _ = second.turn() }
        #expect(second.runs.unconfirmed.map(\.name) == ["x"] && cluster.starts == ["x"])
        #expect(try files.list("\(outbox)/.clipdragd").count == 1)
        cluster.isReachable = true
        try turn(second, until: "the answer") { second.runs.unconfirmed.isEmpty }
        try cluster.succeed("x", files)
        try turn(second, until: "publishing") { try names(outbox) == ["x"] }
        #expect(cluster.starts == ["x"])
    }

    /// A daemon died after the start of the run and before it could store the run's ID.
    @Test func `the executor finds a run without a stored ID by its job`() throws {
        let cluster = FakeCluster()
        try runEarlierDaemon(cluster)
        _ = try changeRecord { $0.run?.id = nil }
        let (second, _) = daemon(cluster)
        try second.begin()
        #expect(second.runs.count == 1 && cluster.questions == [""] && cluster.starts == ["x"])
    }

    @Test func `a job whose executor is unknown is held, and release runs it`() throws {
        let cluster = FakeCluster()
        try runEarlierDaemon(cluster)
        let job = try changeRecord { $0.run?.executor = "elsewhere" }
        let (second, _) = daemon(cluster)
        try second.begin()
        for _ in 0..<3 { _ = second.turn() }
        #expect(second.scheduler.queue[job.id]?.state == .held && cluster.starts == ["x"])
        try ControlFiles(stateFolder: "\(folder)/state").add(ControlRequest(action: .release, job: job.id))
        try turn(second, until: "another run") { cluster.starts == ["x", "x"] }
    }

    @Test func `an executor's refusal of a run counts no attempt`() throws {
        let cluster = FakeCluster()
        cluster.isReachable = false
        let (daemon, _) = daemon(cluster)
        try drop("x")
        try daemon.begin()
        try turn(daemon, until: "the obstacle") { daemon.scheduler.obstacle != nil }
        #expect(cluster.starts.isEmpty)
        cluster.isReachable = true
        try turn(daemon, until: "the run") { cluster.starts == ["x"] }
        #expect(cluster.attempts("x") == [1])
    }
}

/// A cluster whose runs outlive the daemon.
final class FakeCluster {
    private(set) var orders: [RunOrder] = []
    private(set) var alive: [String] = []
    private(set) var stopped: [String] = []
    /// The IDs that recovery has asked for; "" for none.
    fileprivate(set) var questions: [String] = []
    fileprivate(set) var limits = RunLimits()
    fileprivate var ends: [String: RunEnd] = [:]
    fileprivate var progress: [String: RunProgress] = [:]
    var isReachable = true

    /// Names of the jobs, in the order of their starts.
    var starts: [String] { orders.map(\.name) }
    func attempts(_ name: String) -> [Int] { orders.filter { $0.name == name }.map(\.attempt) }

    fileprivate func order(_ job: String) -> RunOrder? { orders.last { $0.job == job } }
    fileprivate func start(_ order: RunOrder) -> String {
        orders.append(order)
        alive.append(order.name)
        return "fake-\(orders.count)"
    }
    fileprivate func stop(_ order: RunOrder) {
        stopped.append(order.name)
        forget(order.name)
    }
    func forget(_ name: String) { alive.removeAll { $0 == name } }
    func report(_ name: String, _ news: RunProgress) { progress[name] = news }
    func end(_ name: String, _ end: RunEnd) {
        forget(name)
        ends[name] = end
    }
    /// Writes a result, as a worker does, and ends.
    func succeed(_ name: String, _ files: PosixFileSystem) throws {
        guard let order = orders.last(where: { $0.name == name }) else { return }
        let trajectory = "{\"job\": {\"id\": \"\(order.job)\"}, \"sha256\": {}}"
        try files.replace("\(order.results)/trajectory.json", Array(trajectory.utf8), mode: 0o644)
        end(name, .succeeded)
    }
}

/// The executor of that cluster.
final class FakeExecutor: Executor {
    let name: String
    let runsOutliveDaemon = true
    var limits: RunLimits {
        get { cluster.limits }
        set { cluster.limits = newValue }
    }
    private let cluster: FakeCluster
    private var watched: [String] = []

    init(_ cluster: FakeCluster, name: String) { (self.cluster, self.name) = (cluster, name) }

    private func demandCluster() throws(Failure) {
        if !cluster.isReachable {
            throw Failure(.tryLater, code: "fake.down", message: "no answer", hint: "wait", isRetryable: true)
        }
    }

    func startNotes() -> [String] { [] }

    func start(_ order: RunOrder) throws(Failure) -> String {
        try demandCluster()
        watched.append(order.job)
        return cluster.start(order)
    }

    func recover(_ order: RunOrder, id: String?) throws(Failure) -> RecoveredRun {
        try demandCluster()
        cluster.questions.append(id ?? "")
        if let end = cluster.ends.removeValue(forKey: order.name) { return .finished(end) }
        guard cluster.alive.contains(order.name) else { return .gone }
        watched.append(order.job)
        return .alive
    }

    func poll() -> [EndedRun] {
        watched.compactMap { job in
            guard let name = cluster.order(job)?.name, let end = cluster.ends.removeValue(forKey: name) else {
                return nil
            }
            watched.removeAll { $0 == job }
            return EndedRun(job: job, end: end, stage: nil)
        }
    }

    func progress(of job: String) -> RunProgress? {
        cluster.order(job).flatMap { cluster.progress[$0.name] }
    }

    func stop(_ job: String) {
        watched.removeAll { $0 == job }
        if let order = cluster.order(job) { cluster.stop(order) }
    }

    func stopAll(within seconds: Double, whileWaiting: () -> Bool) -> [EndedRun] { [] }
    var descriptors: [Int32] { [] }
    var pollInterval: Double? { watched.isEmpty ? nil : 0.01 }
    var isStuck: Bool { false }
}

/// Signals from a test.
final class FakeSignals: SignalSource {
    var waiting: [Int32] = []
    let descriptor: Int32 = -1
    func next() -> Int32? { waiting.isEmpty ? nil : waiting.removeFirst() }
}
