import DurableFiles
import Failures
import Foundation
import Testing
import TestSupport

@testable import DaemonCore

/// A service manager that does not answer, or says too much, holds no command of ours.
@Suite struct SystemdUnitTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    /// Stand-ins for systemctl and journalctl, and a second for each of their answers.
    private func programs(systemctl: String, journalctl: String = "") throws -> SystemPrograms {
        for (name, script) in [("systemctl", systemctl), ("journalctl", journalctl)] {
            try PosixFileSystem().replace(
                "\(scratch.path)/\(name)", Array("#!/bin/sh\n\(script)\n".utf8), mode: 0o755)
        }
        let folder = scratch.path
        return SystemPrograms(answerSeconds: 1, startSeconds: 1, path: { "\(folder)/\($0)" })
    }

    private let show =
        "case $1 in show) printf 'LoadState=loaded\\nActiveState=active\\nInvocationID=1\\n';; esac"

    @Test func `a systemctl that never answers is an error that names it`() throws {
        let programs = try programs(systemctl: "sleep 600 & sleep 600")
        let began = ContinuousClock.now
        let error = #expect(throws: Failure.self) { try SystemdUnit("x.service", programs) }
        #expect(error?.code == "inbox.refused" && error?.isRetryable == true)
        #expect(error?.message == "`systemctl show` did not end within 1 seconds")
        #expect(ContinuousClock.now - began < .seconds(60))
    }

    @Test func `a restart that never ends is late, and leaves no child`() throws {
        let child = "\(scratch.path)/child"
        let programs = try programs(
            systemctl: "\(show)\ncase $1 in restart) setsid sleep 600 & echo $! >'\(child)'; sleep 600;; esac"
        )
        let unit = try #require(try SystemdUnit("x.service", programs))
        #expect(unit.isActive && unit.reloadManager() == nil)
        #expect(unit.restart() == .late("`systemctl restart` did not end within 1 seconds"))
        let pid = try #require(Int32(try String(contentsOfFile: child, encoding: .utf8).dropLast()))
        var left = 500
        while kill(pid, 0) == 0, left > 0 {
            usleep(20_000)
            left -= 1
        }
        #expect(kill(pid, 0) != 0)
    }

    @Test func `a service that systemctl starts as its child lives on`() throws {
        let child = "\(scratch.path)/child"
        let programs = try programs(
            systemctl: "\(show)\ncase $1 in restart) sleep 60 & echo $! >'\(child)';; esac")
        let unit = try #require(try SystemdUnit("x.service", programs))
        #expect(unit.restart() == nil)
        let pid = try #require(Int32(try String(contentsOfFile: child, encoding: .utf8).dropLast()))
        #expect(kill(pid, 0) == 0)
        kill(pid, SIGKILL)
    }

    @Test func `a journal without end gives the last words that it has, and a missing systemctl no unit`()
        throws
    {
        let programs = try programs(systemctl: show, journalctl: "yes 'cat.yaml: error: no'")
        let unit = try #require(try SystemdUnit("x.service", programs))
        #expect(unit.lastWords(since: 0)?.hasPrefix("cat.yaml: error: no. cat.yaml: ") == true)
        let none = SystemPrograms(path: { _ in nil })
        #expect(try SystemdUnit("x.service", none) == nil)
    }
}
