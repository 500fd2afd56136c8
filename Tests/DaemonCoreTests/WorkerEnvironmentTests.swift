import Foundation
import Testing

@testable import DaemonCore

/// The environment variable with the daemon's process ID.
@Suite struct WorkerEnvironmentTests {
    @Test func `a worker finds its daemon's process ID, and the daemon's own environment does not change`()
        throws
    {
        let test = "test \"$\(Worker.daemonVariable)\" = $PPID && test -n \"$PATH\""
        let worker = try WorkerProcess(["/bin/sh", "-c", test], job: "1")
        var status = ChildProcesses.takeEnd(of: worker.pid)
        while status == nil {
            usleep(10_000)
            status = ChildProcesses.takeEnd(of: worker.pid)
        }
        #expect(status == 0)
        #expect(ProcessInfo.processInfo.environment[Worker.daemonVariable] == nil)
    }
}
