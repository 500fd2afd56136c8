import DurableFiles
import Failures
import Foundation
import JobFiles
import ServiceConfiguration
import Testing
import TestSupport

@testable import DaemonCore

/// One job, with a crash before or after every change that the daemon makes to the file system. Then a new daemon takes over,
/// with a file system that works. Nothing is lost, nothing is published twice, and no partial result is published.
@Suite struct ClaimStoreFaultTests {
    private static let results = ["result.png", "trajectory.json"]

    /// A new inbox with a pair, and an outbox.
    private final class Place {
        let folder: String
        var inbox: String { "\(folder)/in" }
        var outbox: String { "\(folder)/out" }
        var configuration: Configuration {
            var c = Configuration()
            (c.inboxes, c.outbox) = ([.init(path: inbox)], outbox)
            return c
        }

        init() throws {
            folder = FileManager.default.temporaryDirectory.appending(path: "clipdragd-\(UUID().uuidString)")
                .path(percentEncoded: false)
            let files = PosixFileSystem()
            try files.createDirectory("\(outbox)/.clipdragd")
            try files.createDirectory("\(inbox)/.clipdragd")
            try files.create("\(inbox)/x.yaml", Array("prompt: a cat\n".utf8), mode: 0o644)
            try files.create("\(inbox)/x.png", Array("picture".utf8), mode: 0o644)
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        func names(_ path: String) -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
        }
    }

    private let pair = { (inbox: String) in
        Pair(inbox: inbox, spec: "x.yaml", image: "x.png", others: [], priority: 0, dropped: 1)
    }

    /// The steps of a claimed job: the run's results, publishing, putting the inputs away.
    private func work(_ job: Job, _ store: ClaimStore, worker files: some FileSystem)
        throws(FileError)
    {
        var job = job
        if job.state != .publishing {
            try files.removeTree(store.unpublished(job))
            try files.createDirectory(store.unpublished(job))
            for name in Self.results {
                try files.create("\(store.unpublished(job))/\(name)", Array(name.utf8), mode: 0o644)
            }
        }
        _ = try store.publish(&job)
        try store.putInputsAway(job, stillNeeded: [])
    }

    private func live(_ place: Place, _ files: some FileSystem) throws(FileError) {
        let store = ClaimStore(files: files, configuration: place.configuration)
        guard let job = try store.claim(pair(place.inbox), id: "id-1") else { return }
        try work(job, store, worker: files)
    }

    /// The steps of a new daemon: recovery, then the pairs in the inbox.
    private func takeOver(_ place: Place) throws {
        let files = PosixFileSystem()
        let store = ClaimStore(files: files, configuration: place.configuration)
        for job in try store.leftovers(place.inbox) { try work(job, store, worker: files) }
        if place.names(place.inbox).contains("x.yaml"),
            let job = try store.claim(pair(place.inbox), id: "id-2")
        {
            try work(job, store, worker: files)
        }
    }

    @Test(arguments: [false, true])
    func `a crash at any file change loses nothing, and the job is published once`(_ dieAfter: Bool) throws {
        let counter = FaultyFileSystem(failing: .max)
        let whole = try Place()
        try live(whole, counter)
        #expect(counter.count > 10)
        for n in 1...counter.count {
            let place = try Place()
            let faulty = FaultyFileSystem(failing: n, dieAfter: dieAfter)
            #expect(throws: FileError.self) { try live(place, faulty) }
            // Each visible folder in the outbox is complete.
            for name in place.names(place.outbox) where !name.hasPrefix(".") {
                #expect(place.names("\(place.outbox)/\(name)") == Self.results, "call \(n)")
            }
            try takeOver(place)
            let published = place.names(place.outbox).filter { !$0.hasPrefix(".") }
            #expect(published == ["x"], "call \(n), after: \(dieAfter): \(published)")
            #expect(place.names("\(place.outbox)/x") == Self.results, "call \(n)")
            #expect(
                place.names("\(place.inbox)/archive") == ["x.png", "x.yaml"], "call \(n), after: \(dieAfter)")
            #expect(place.names("\(place.inbox)/.clipdragd").isEmpty, "call \(n)")
            let once = place.names(place.folder) + place.names(place.inbox) + place.names(place.outbox)
            try takeOver(place)
            #expect(
                place.names(place.folder) + place.names(place.inbox) + place.names(place.outbox) == once,
                "a second start changes nothing")
        }
    }

    @Test func `a crash while a job fails leaves it failed or waiting, and its inputs complete`() throws {
        let failure = Failure(.badJob, code: "image.truncated", message: "m", hint: "h")
        func failing(_ place: Place, _ files: some FileSystem) throws(FileError) {
            let store = ClaimStore(files: files, configuration: place.configuration)
            guard let job = try store.claim(pair(place.inbox), id: "id-1") else { return }
            try store.fail(job, failure, attempts: 1, stillNeeded: [])
        }
        let counter = FaultyFileSystem(failing: .max)
        try failing(try Place(), counter)
        for n in 1...counter.count {
            for dieAfter in [false, true] {
                let place = try Place()
                #expect(throws: FileError.self) {
                    try failing(place, FaultyFileSystem(failing: n, dieAfter: dieAfter))
                }
                let files = PosixFileSystem()
                let store = ClaimStore(files: files, configuration: place.configuration)
                for job in try store.leftovers(place.inbox) {
                    try store.fail(job, failure, attempts: 1, stillNeeded: [])
                }
                if place.names(place.inbox).contains("x.yaml") { try failing(place, files) }
                let failed = place.names("\(place.inbox)/failed")
                #expect(failed == ["x"], "call \(n), after: \(dieAfter): \(failed)")
                let inputs = place.names("\(place.inbox)/failed/x")
                #expect(
                    inputs == ["error.json", "error.txt", "x.png", "x.yaml"],
                    "call \(n), after: \(dieAfter): \(inputs)")
            }
        }
    }

    @Test func `a job with a damaged record returns its inputs to the inbox`() throws {
        for record in ["", "{", "{\"id\": 3}", "[]"] {
            let place = try Place()
            let store = ClaimStore(files: PosixFileSystem(), configuration: place.configuration)
            let job = try #require(try store.claim(pair(place.inbox), id: "id-1"))
            try Data(record.utf8).write(to: URL(filePath: "\(job.claim)/.job.json"))
            #expect(try store.leftovers(place.inbox).isEmpty)
            #expect(place.names(place.inbox) == [".clipdragd", "x.png", "x.yaml"])
        }
    }

    @Test func `a job does not archive a newer picture of the same name`() throws {
        let place = try Place()
        let files = PosixFileSystem()
        let store = ClaimStore(files: files, configuration: place.configuration)
        let job = try #require(try store.claim(pair(place.inbox), id: "id-1"))
        try files.remove("\(place.inbox)/x.png")
        try Data("a newer, longer picture".utf8).write(to: URL(filePath: "\(place.inbox)/x.png"))
        try work(job, store, worker: files)
        #expect(place.names(place.inbox).contains("x.png"))
        #expect(place.names("\(place.inbox)/archive") == ["x.yaml"])
    }
}
