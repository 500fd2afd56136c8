import DurableFiles
import Failures
import Foundation
import JobFiles
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Runs each job in a worker process of this machine. A worker dies with its daemon (`Worker.dieWithDaemon`).
final class LocalExecutor: Executor {
    /// Seconds between two checks of a worker's memory and time.
    private static let (memoryInterval, clockInterval) = (0.5, 1.0)
    /// Seconds after which a killed worker that has not ended hangs in the kernel.
    private static let stuckSeconds = 10.0

    let name = "local"
    let runsOutliveDaemon = false
    var limits = RunLimits()
    private let command: [String]
    private let stateFolder: String
    private var workers: [WorkerProcess] = []

    /// - Parameter setup: has the worker's command and the state folder with the caches.
    init(_ setup: DaemonSetup) {
        command = setup.workerCommand
        stateFolder = setup.stateFolder
    }

    func startNotes() -> [String] {
        Sandbox.whyUnavailable.map { ["workers run without a sandbox: this kernel has no Landlock (\($0))"] }
            ?? []
    }

    func start(_ order: RunOrder) throws(Failure) -> String {
        do throws(FileError) {
            let worker = try WorkerProcess(
                command + arguments(order), job: order.job, memory: limits.memory)
            workers.append(worker)
            return String(worker.pid)
        } catch { throw Failure(error) }
    }

    private func arguments(_ order: RunOrder) -> [String] {
        // A value in a word of its own would look like an option if it begins with a dash.
        var words = ["--spec=\(order.spec)", "--out=\(order.results)", "--id=\(order.job)"]
        words += ["--name=\(order.name)", "--attempt=\(order.attempt)", "--state=\(stateFolder)"]
        if let image = order.image { words.append("--image=\(image)") }
        if let earlier = order.duplicateOf { words.append("--duplicate-of=\(earlier)") }
        return words
    }

    /// A worker dies with its daemon: the run of an earlier one is gone.
    func recover(_ order: RunOrder, id: String?) -> RecoveredRun { .gone }

    func poll() -> [EndedRun] {
        for worker in workers {
            worker.readLines()
            worker.enforce(limits)
        }
        return workers.compactMap { worker in
            ChildProcesses.takeEnd(of: worker.pid).map { end(worker, $0) }
        }
    }

    private func end(_ worker: WorkerProcess, _ status: Int32) -> EndedRun {
        workers.removeAll { $0.pid == worker.pid }
        return EndedRun(job: worker.job, end: worker.end(status), stage: worker.progress?.stage)
    }

    func progress(of job: String) -> RunProgress? { workers.first { $0.job == job }?.progress }

    func stop(_ job: String) {
        guard let worker = workers.first(where: { $0.job == job }) else { return }
        worker.signal(SIGKILL)
        ChildProcesses.waitForEnd(of: worker.pid)
        workers.removeAll { $0.pid == worker.pid }
    }

    func stopAll(within seconds: Double, whileWaiting: () -> Bool) -> [EndedRun] {
        let isUrgent = whileWaiting()
        for worker in workers { worker.signal(isUrgent ? SIGKILL : SIGTERM) }
        let deadline = ContinuousClock.now + .seconds(seconds)
        return workers.map { worker in
            while true {
                if let status = ChildProcesses.takeEnd(of: worker.pid) { return end(worker, status) }
                if whileWaiting() || ContinuousClock.now > deadline { worker.signal(SIGKILL) }
                usleep(10_000)
            }
        }
    }

    var descriptors: [Int32] { workers.filter { !$0.isSilent }.map(\.descriptor) }

    var pollInterval: Double? {
        workers.isEmpty ? nil : limits.memory == nil ? Self.clockInterval : Self.memoryInterval
    }

    var isStuck: Bool {
        workers.contains {
            $0.killed.map { ContinuousClock.now - $0 >= .seconds(Self.stuckSeconds) } ?? false
        }
    }
}
