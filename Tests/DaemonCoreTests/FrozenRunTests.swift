import DurableFiles
import Foundation
import ServiceConfiguration
import Testing

@testable import DaemonCore

/// Time that nobody ran: suspend, a frozen service, a snapshot of a virtual machine.
@Suite struct FrozenRunTests {
    /// A worker that sleeps, looked at at these seconds after its start; how it ended.
    private func end(limits: RunLimits, looks: [Double]) throws -> RunEnd {
        let worker = try WorkerProcess(["/bin/sleep", "30"], job: "1")
        let start = ContinuousClock.now
        for look in looks { worker.enforce(limits, now: start + .seconds(look)) }
        worker.signal(SIGTERM)
        var status = ChildProcesses.takeEnd(of: worker.pid)
        while status == nil {
            usleep(10_000)
            status = ChildProcesses.takeEnd(of: worker.pid)
        }
        return worker.end(try #require(status))
    }

    @Test(arguments: [
        RunLimits(seconds: 30), RunLimits(stalledAfter: 15), RunLimits(seconds: 30, stalledAfter: 15),
    ])
    func `time that nobody ran does not count`(_ limits: RunLimits) throws {
        // Frozen for 45 seconds between two looks, and once more.
        let looks: [Double] = [1, 2, 47, 48, 93]
        #expect(try end(limits: limits, looks: looks) == .crashed("the worker was killed by signal 15"))
    }

    @Test func `time that the worker ran counts`() throws {
        let looks = (1...31).map { Double($0) + 0.5 }
        #expect(try end(limits: RunLimits(seconds: 30), looks: looks) == .exceeded(.time))
        #expect(try end(limits: RunLimits(stalledAfter: 15), looks: looks) == .exceeded(.stalled))
    }
}
