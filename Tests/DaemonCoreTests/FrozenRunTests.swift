import DurableFiles
import Foundation
import ServiceConfiguration
import Testing

@testable import DaemonCore

/// Time that nobody ran: suspend, a frozen service, a snapshot of a virtual machine.
@Suite struct FrozenRunTests {
    /// The end of a sleeping worker whose limits are checked at these seconds after its start.
    private func end(limits: RunLimits, checks: [Double]) throws -> RunEnd {
        let worker = try WorkerProcess(["/bin/sleep", "30"], job: "1")
        let start = ContinuousClock.now
        for check in checks { worker.enforce(limits, now: start + .seconds(check)) }
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
        // Frozen for 45 seconds between two checks, and once more.
        let checks: [Double] = [1, 2, 47, 48, 93]
        #expect(try end(limits: limits, checks: checks) == .crashed("the worker was killed by signal 15"))
    }

    @Test func `time that the worker ran counts`() throws {
        let checks = (1...31).map { Double($0) + 0.5 }
        #expect(try end(limits: RunLimits(seconds: 30), checks: checks) == .exceeded(.time))
        #expect(try end(limits: RunLimits(stalledAfter: 15), checks: checks) == .exceeded(.stalled))
    }
}
