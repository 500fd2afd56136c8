import DurableFiles
import Foundation
import ServiceConfiguration
import Testing
import TestSupport

@testable import DaemonCore

/// Names that look like options, files that are no jobs yet, and durations.
@Suite struct ContainmentTests {
    private let scratch: ScratchFolder
    private var folder: String { scratch.path }
    private let files = PosixFileSystem()
    private let start = Date().timeIntervalSince1970

    init() throws { scratch = try ScratchFolder() }

    private func scanner() -> InboxScanner {
        InboxScanner(.init(path: folder), quiet: 1) { _ in .complete }
    }

    private func write(_ name: String, _ text: String) throws {
        try files.replace("\(folder)/\(name)", Array(text.utf8), mode: 0o644)
    }

    @Test func `a worker never reads a job's name as an option`() throws {
        let worker = "\(folder)/worker"
        try files.create(
            worker, Array("#!/bin/sh\nfor word; do echo \"$word\"; done > \(folder)/words\n".utf8),
            mode: 0o755)
        let setup = DaemonSetup(
            configuration: Configuration(), stateFolder: "\(folder)/state", once: true,
            workerCommand: [worker], version: "test", pictures: .wholeOnly)
        let executor = LocalExecutor(setup)
        _ = try executor.start(
            RunOrder(
                job: "1", name: "-1", spec: "\(folder)/-1.yaml", image: "\(folder)/-1.png",
                results: "\(folder)/out", attempt: 1, duplicateOf: "-rf"))
        let end = ContinuousClock.now + .seconds(30)
        while executor.poll().isEmpty && ContinuousClock.now < end { usleep(10_000) }
        let words = try String(contentsOfFile: "\(folder)/words", encoding: .utf8).split(separator: "\n")
        #expect(words.contains("--name=-1") && words.contains("--duplicate-of=-rf"))
        #expect(words.allSatisfy { $0.hasPrefix("--") && $0.contains("=") })
    }

    @Test func `an empty spec waits for its content`() throws {
        var scanner = scanner()
        try write("cat.yaml", "")
        try write("cat.png", "!")
        scanner.note(["cat.yaml": .moved])
        #expect(try scanner.scan(files, now: start + 10).pairs.isEmpty)
        let later = try scanner.scan(files, now: start + 100)
        // It holds nothing up, and its picture is no lone one.
        #expect(later.pairs.isEmpty && later.settling.isEmpty && Set(later.waiting.keys) == ["cat.yaml"])
        try write("cat.yaml", "prompt: x\n")
        #expect(try scanner.scan(files, now: start + 200).pairs.map(\.spec) == ["cat.yaml"])
    }

    @Test(arguments: ["~$cat.yaml", "~$cat.png"]) func `an office program's lock file is no job`(
        _ name: String
    ) {
        #expect(InboxNames.isIgnored(name))
    }

    @Test func `setting the clock changes no file's age`() throws {
        try write("cat.yaml", "prompt: x\n")
        try write("cat.png", "!")
        for jump in [315_360_000.0, -1_209_600] {
            var scanner = scanner()
            // Set between two looks.
            #expect(try scanner.scan(files, now: start, clock: start).pairs.isEmpty)
            #expect(try scanner.scan(files, now: start + 0.4, clock: start + 0.4 + jump).pairs.isEmpty)
            #expect(try scanner.scan(files, now: start + 1.2, clock: start + 1.2 + jump).pairs.count == 1)
        }
        // Set back before the first look.
        var scanner = scanner()
        #expect(try scanner.scan(files, now: start, clock: start - 1_209_600).pairs.isEmpty)
        #expect(try scanner.scan(files, now: start + 1.2, clock: start - 1_209_598.8).pairs.count == 1)
    }

    @Test
    func `the daemon reports the same reason for waiting once in ten minutes, and the end of the wait once`()
    {
        let scheduler = Scheduler()
        #expect(scheduler.pauseStarts("read-only", 0))
        for time in stride(from: 5.0, to: 600, by: 5) {
            scheduler.resumeStarts(time)
            #expect(!scheduler.pauseStarts("read-only", time))
        }
        #expect(scheduler.pauseStarts("full", 601))
        #expect(scheduler.placeWorked() == "full" && scheduler.placeWorked() == nil)
        #expect(scheduler.pauseStarts("full", 602))
    }

    @Test func `durations are counted exactly`() {
        let metrics = Metrics()
        for _ in 0..<5 { metrics.countRun(.milliseconds(500)) }
        let sample = Metrics.Sample(
            depths: [:], oldest: 0, orphans: 0, overdueOrphans: 0, failed: 0, overflows: 0, version: "x",
            isPaused: false, isWaiting: false, modes: [], places: [])
        #expect(metrics.text(sample).contains("clipdragd_job_duration_seconds_sum 2.5\n"))
    }
}
