import Foundation
import Glibc
import JSON
import Testing

/// The journal entries, read from a socket like journald's.
@Suite(.serialized) struct JournalTests {
    /// A job's history from its entries: its events in order, and its end.
    private struct History {
        var events: [String] = []
        var ending: [String: String] = [:]
    }

    @Test func `the journal gives every job's history, and it agrees with the records`()
        throws
    {
        let place = try Place(limits: ", attempts: 2")
        let journal = try JournalSocket(place)
        for name in ["good", "bad", "crash", "kept", "dropped"] { try place.drop(picture: "\(name).png") }
        #expect(try Program.run(["pause", "--state", place.state]).code == 0)
        try place.drop(spec: "good.yaml", "prompt: x\npriority: 9\n")
        try place.drop(spec: "bad.yaml", "prompt: REFUSE\n")
        try place.drop(spec: "crash.yaml", "prompt: CRASH\n")
        try place.drop(spec: "kept.yaml")
        try place.drop(spec: "dropped.yaml")
        let daemon = try place.start(environment: ["CLIPDRAGD_JOURNAL_SOCKET": journal.path])
        place.wait("five claims") { journal.entries.count { $0["CLIPDRAGD_STATE"] == "claimed" } == 5 }
        func id(_ name: String) throws -> String {
            try #require(
                journal.entries.first { $0["CLIPDRAGD_NAME"] == name && $0["CLIPDRAGD_JOB_ID"] != nil }?[
                    "CLIPDRAGD_JOB_ID"])
        }
        let state = ["--state", place.state, "--json"]
        for (verb, name) in [("hold", "kept"), ("cancel", "dropped")] {
            place.wait("the job's event") {
                (try? Program.run([verb, try id(name)] + state).output.contains("\"request\":\"\(verb)\""))
                    == true
            }
            place.wait(verb) {
                journal.entries.contains { $0["CLIPDRAGD_STATE"] == (verb == "hold" ? "held" : "cancelled") }
            }
        }
        #expect(
            try Program.run(["resume"] + state).output
                == "{\"schema\":\"clipdrag-request/1\",\"request\":\"resume\"}\n")
        place.wait("three ends") { ended(journal) >= 4 }
        #expect(try Program.run(["release", try id("kept")] + state).code == 0)
        #expect(try Program.run(["requeue", try id("dropped")] + state).code == 0)
        place.wait("all ends") { ended(journal) == 6 }
        daemon.terminate()
        daemon.waitUntilExit()

        var histories: [String: History] = [:]
        for entry in journal.entries {
            guard let id = entry["CLIPDRAGD_JOB_ID"], let event = entry["CLIPDRAGD_STATE"] else { continue }
            histories[id, default: History()].events.append(event)
            if ["published", "failed"].contains(event) { histories[id]?.ending = entry }
        }
        #expect(histories[try id("good")]?.events == ["claimed", "started", "published"])
        #expect(histories[try id("bad")]?.events == ["claimed", "started", "failed"])
        #expect(histories[try id("crash")]?.events == ["claimed", "started", "retried", "started", "failed"])
        #expect(histories[try id("kept")]?.events == ["claimed", "held", "released", "started", "published"])
        #expect(histories[try id("dropped")]?.events == ["claimed", "cancelled", "failed", "requeued"])
        // The records in the state folder agree.
        let records = try Program.run(["list"] + state).output.split(separator: "\n").compactMap {
            JSONValue(parsing: Array($0.utf8))
        }
        #expect(records.count == 6 && histories.count == 6)
        for record in records {
            let history = try #require(histories[record["id"]?.string ?? ""])
            #expect(history.ending["CLIPDRAGD_STATE"] == record["state"]?.string)
            #expect(history.ending["CLIPDRAGD_NAME"] == record["name"]?.string)
            #expect(history.ending["CLIPDRAGD_PUBLISHED_AS"] == record["published_as"]?.string)
            #expect(history.ending["CLIPDRAGD_ERROR_CODE"] == record["code"]?.string)
            let isPublished = record["state"]?.string == "published"
            #expect(history.ending["CLIPDRAGD_VERDICT"] == (isPublished ? "drag moved, damage slight" : nil))
            if isPublished { #expect(history.ending["MESSAGE"] == "published: drag moved, damage slight") }
        }
        try checkFields(journal.entries)
        let service = journal.entries.filter { $0["CLIPDRAGD_JOB_ID"] == nil }.compactMap {
            $0["CLIPDRAGD_STATE"]
        }
        #expect(
            service == ["paused", "ready", "unpaused", "stopped"]
                || service == ["ready", "paused", "unpaused", "stopped"])
    }

    private func ended(_ journal: JournalSocket) -> Int {
        journal.entries.count { ["published", "failed"].contains($0["CLIPDRAGD_STATE"]) }
    }

    /// Every entry has the fields of journal-fields(7), and each message ID has one kind of event.
    private func checkFields(_ entries: [[String: String]]) throws {
        var kinds: [String: String] = [:]
        for entry in entries {
            #expect(entry["MESSAGE"]?.isEmpty == false && entry["SYSLOG_IDENTIFIER"] == "clipdragd")
            #expect(Int(entry["PRIORITY"] ?? "").map { (0...7).contains($0) } == true)
            let id = try #require(entry["MESSAGE_ID"], "\(entry)")
            #expect(id.wholeMatch(of: /[0-9a-f]{32}/) != nil)
            let kind = try #require(entry["CLIPDRAGD_STATE"])
            #expect(kinds.updateValue(kind, forKey: id) ?? kind == kind)
            if kind == "failed" {
                #expect(entry["PRIORITY"] == "3" && entry["CLIPDRAGD_ERROR_CODE"] != nil)
                #expect(entry["DOCUMENTATION"]?.hasSuffix("errors.md") == true)
                #expect(["job", "crash"].contains(entry["CLIPDRAGD_ERROR_TYPE"]))
            }
            if kind == "published" {
                #expect(
                    entry["CLIPDRAGD_DELAYS"]?.wholeMatch(of: /[0-9.]+\/[0-9.]+\/[0-9.]+\/[0-9.]+/) != nil)
            }
            if ["published", "retried"].contains(kind) {
                #expect(Int(entry["CLIPDRAGD_DURATION_USEC"] ?? "").map { $0 > 0 } == true)
            }
        }
    }

    @Test func `the journal entry of a failing place has its errno and its error type`() throws {
        let place = try Place()
        let journal = try JournalSocket(place)
        let daemon = try place.start(environment: ["CLIPDRAGD_JOURNAL_SOCKET": journal.path])
        place.wait("the start") { journal.entries.contains { $0["CLIPDRAGD_STATE"] == "ready" } }
        let making = "\(place.outbox)/.clipdragd"
        try FileManager.default.removeItem(atPath: making)
        try Data().write(to: URL(filePath: making))  // no folder can be made below it
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        place.wait("the trouble") { journal.entries.contains { $0["CLIPDRAGD_STATE"] == "waiting" } }
        let entry = try #require(journal.entries.first { $0["CLIPDRAGD_STATE"] == "waiting" })
        #expect(entry["ERRNO"] == String(ENOTDIR) && entry["CLIPDRAGD_ERROR_TYPE"] == "place")
        #expect(entry["CLIPDRAGD_ERROR_CODE"]?.hasPrefix("file.") == true)
        try FileManager.default.removeItem(atPath: making)
        place.wait("going on unaided") { place.names(place.outbox) == ["x"] }
        daemon.terminate()
        daemon.waitUntilExit()
    }

    @Test func `a name with a line break stays one journal field`() throws {
        let place = try Place()
        let journal = try JournalSocket(place)
        let name = Array("a\nPRIORITY=0".utf8)
        try place.drop(Place.picture, as: name + Array(".png".utf8))
        try place.drop(Array("prompt: x\n".utf8), as: name + Array(".yaml".utf8))
        let daemon = try place.start(once: true, environment: ["CLIPDRAGD_JOURNAL_SOCKET": journal.path])
        daemon.waitUntilExit()
        let published = try #require(journal.entries.first { $0["CLIPDRAGD_STATE"] == "published" })
        #expect(published["CLIPDRAGD_NAME"] == "a\nPRIORITY=0")
        #expect(published["PRIORITY"] == "6")
    }
}

/// A datagram socket in place of journald's; it reads entries of the native protocol.
private final class JournalSocket {
    let path: String
    private let descriptor: Int32
    private var received: [[String: String]] = []

    init(_ place: Place) throws {
        path = "@clipdragd-journal-\(UUID().uuidString)"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = [0] + path.utf8.dropFirst()
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(bound == 0)
    }

    deinit { close(descriptor) }

    /// All entries so far.
    var entries: [[String: String]] {
        var bytes = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            if count <= 0 { return received }
            received.append(Self.fields(bytes[..<count]))
        }
    }

    private static func fields(_ entry: ArraySlice<UInt8>) -> [String: String] {
        var (fields, rest) = ([String: String](), entry)
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            if let equals = line.firstIndex(of: UInt8(ascii: "=")) {
                fields[String(decoding: line[..<equals], as: UTF8.self)] = String(
                    decoding: line[(equals + 1)...], as: UTF8.self)
            } else {
                let size = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
                let value = rest.dropFirst(8).prefix(size)
                fields[String(decoding: line, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
                rest = rest.dropFirst(8 + size + 1)
            }
        }
        return fields
    }
}
