import DurableFiles
import Foundation
import JobFiles
import ServiceConfiguration
import Testing
import TestSupport

@testable import DaemonCore

/// An inbox with the kernel's events.
@Suite struct WatchedInboxTests {
    private let folder: String
    private let files = PosixFileSystem()
    private let now = ServiceClock.now

    init() throws {
        folder = scratchPath
        try files.createDirectory(InboxLayout(folder).claims)
    }

    private func inbox() throws -> WatchedInbox {
        let inbox = WatchedInbox(.init(path: folder), quiet: 1) { _ in .complete }
        try inbox.attach(files)
        return inbox
    }

    @Test func `a picture that is removed is no orphan any more, and needs no look`() throws {
        defer { try? files.removeTree(folder) }
        for name in ["a.png", "b.png"] { try files.create("\(folder)/\(name)", [1], mode: 0o644) }
        let inbox = try inbox()
        inbox.readEvents()
        try inbox.scan(files, now + 40)
        #expect(Set(inbox.findings.waiting.keys) == ["a.png", "b.png"])
        try files.remove("\(folder)/a.png")
        try files.rename("\(folder)/b.png", to: "\(folder)/.clipdragd/b.png")
        #expect(!inbox.readEvents() && !inbox.isDue(now + 40))
        #expect(inbox.findings.waiting.isEmpty)
    }

    @Test func `a spec that someone removes asks for a look, and one that a claim took does not`() throws {
        defer { try? files.removeTree(folder) }
        for name in ["a.yaml", "b.yaml"] { try files.create("\(folder)/\(name)", [1], mode: 0o644) }
        let inbox = try inbox()
        inbox.readEvents()
        try inbox.scan(files, now)
        let pair = Pair(inbox: folder, spec: "a.yaml", image: nil, others: [], priority: 0, dropped: 0)
        try files.remove("\(folder)/a.yaml")
        inbox.claimed(pair)
        #expect(!inbox.readEvents())
        try files.remove("\(folder)/b.yaml")
        #expect(inbox.readEvents() && inbox.isDue(now))
    }

    @Test func `a file that is made readable is looked at, however long it was not`() throws {
        defer { try? files.removeTree(folder) }
        try files.create("\(folder)/a.yaml", Array("prompt: x\n".utf8), mode: 0o644)
        let inbox = try inbox()
        let refusing = FaultyFileSystem(unreadable: ["a.yaml"])
        try inbox.scan(refusing, now)
        try inbox.scan(refusing, now + 40)
        #expect(inbox.findings.unreadable.keys.contains("a.yaml"))
        #expect(inbox.findings.orphans(in: folder).map(\.obstacle) == ["cannot be read"])
        inbox.readEvents()
        try inbox.scan(refusing, now + 41)
        #expect(!inbox.isDue(now + 41))
        chmod("\(folder)/a.yaml", 0o640)
        #expect(inbox.readEvents() && inbox.isDue(now + 41))
    }
}

/// A new folder's path.
private var scratchPath: String {
    FileManager.default.temporaryDirectory.appending(path: "clipdragd-\(UUID().uuidString)")
        .path(percentEncoded: false)
}
