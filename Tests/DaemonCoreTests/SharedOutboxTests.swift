import DurableFiles
import Foundation
import ServiceConfiguration
import Testing

@testable import DaemonCore
import YAMLDocuments

/// Several daemons, each with its own inbox, and one outbox.
@Suite struct SharedOutboxTests {
    private let files = PosixFileSystem()

    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "clipdragd-\(UUID().uuidString)")
            .path(percentEncoded: false)
        defer { try? files.removeTree(folder) }
        try files.createDirectory(folder)
        try body(folder)
    }

    @Test func `a start removes unpublished results of its own inboxes only`() throws {
        try withFolder { folder in
            var configuration = Configuration()
            configuration.outbox = folder
            let store = ClaimStore(files: files, configuration: configuration)
            let unpublished = "\(folder)/.clipdragd"
            let (ours, known, theirs) = (JobID.next("aaaaaa"), JobID.next("aaaaaa"), JobID.next("bbbbbb"))
            let complete = JobID.next("aaaaaa")
            for id in [ours, known, theirs, complete, "notes"] {
                try files.createDirectory("\(unpublished)/\(id)")
                try files.create("\(unpublished)/\(id)/result.png", [], mode: 0o644)
            }
            try files.create("\(unpublished)/\(complete)/trajectory.json", [], mode: 0o644)
            let pair = Pair(inbox: "/in", spec: "x.yaml", image: nil, others: [], priority: 0, dropped: 1)
            try store.removeUnpublished(of: ["aaaaaa"], besides: [Job(id: known, pair: pair, digest: "")])
            let left = Set(try files.list(unpublished).map(\.name))
            #expect(left == [known, theirs, complete, "notes"])
        }
    }

    @Test func `an inbox keeps its mark, and gets a new one when the mark is damaged`() throws {
        try withFolder { folder in
            let path = "\(folder)/lock"
            let mark = try InboxLock(path).mark
            #expect(JobID.isMark(mark) && JobID.mark(of: JobID.next(mark)) == mark)
            #expect(try InboxLock(path).mark == mark)
            for damaged in ["", "abc", "ABCDEF", "abcdefg", "abcd/f"] {
                try files.replace(path, Array(damaged.utf8), mode: 0o644)
                let fresh = try InboxLock(path).mark
                #expect(JobID.isMark(fresh) && fresh != damaged)
                #expect(try InboxLock(path).mark == fresh)
            }
        }
    }
}
