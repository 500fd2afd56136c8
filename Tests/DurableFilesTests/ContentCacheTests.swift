import Digests
import DurableFiles
import Foundation
import Testing

/// The cache's promises: what is found is what was put in, and it never grows beyond its limit.
@Suite struct ContentCacheTests {
    private let folder = FileManager.default.temporaryDirectory.appending(
        path: "clipdragd-\(UUID().uuidString)"
    )
    .path(percentEncoded: false)
    private let files = PosixFileSystem()
    private let keys = ["a", "b", "c"].map { Digest.sha256(Array($0.utf8)) }

    private func cache(_ limit: Int = 1000) -> ContentCache {
        ContentCache(folder: "\(folder)/cache", limit: limit)
    }
    private func names(_ folder: String) throws -> [String] { try files.list(folder).map(\.name) }

    /// Puts a file's last change an hour back for each of `hours`.
    private func age(_ path: String, hours: Double) throws {
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -3600 * hours)], ofItemAtPath: path)
    }

    @Test func `an entry is found by its key alone, and a limit of 0 keeps nothing`() throws {
        defer { try? files.removeTree(folder) }
        #expect(cache().entry(keys[0]) == nil)
        try cache().keep([1, 2, 3], as: keys[0])
        #expect(cache().entry(keys[0])?.bytes == [1, 2, 3])
        #expect(cache().entry(keys[1]) == nil)
        #expect(cache(0).entry(keys[0]) == nil)
        try cache(0).keep([4], as: keys[1])
        #expect(cache().entry(keys[1]) == nil)
    }

    @Test func `a cut entry, and one with a wrong bit, are removed and not found`() throws {
        defer { try? files.removeTree(folder) }
        let bytes: [UInt8] = [1, 2, 3, 4]
        for damaged: [UInt8] in [[1, 2], [], [1, 2, 3, 5], [1, 2, 3, 4, 0]] {
            try cache().keep(bytes, as: keys[0])
            let path = try #require(cache().entry(keys[0])).path
            try files.replace(path, damaged, mode: 0o600)
            #expect(cache().entry(keys[0]) == nil, "\(damaged)")
            #expect(try files.status(path) == nil)
            // It is made again, and there again.
            try cache().keep(bytes, as: keys[0])
            #expect(cache().entry(keys[0])?.bytes == bytes)
        }
    }

    @Test func `the entry with the oldest use is removed first`() throws {
        defer { try? files.removeTree(folder) }
        let bytes = [[UInt8]](repeating: [], count: 3).indices.map {
            [UInt8](repeating: UInt8($0), count: 100)
        }
        for i in 0..<2 {
            try cache(250).keep(bytes[i], as: keys[i])
            try age(try #require(cache().entry(keys[i])).path, hours: Double(3 - i))
        }
        // The older of the two was of use since.
        try cache(250).markUsed(try #require(cache().entry(keys[0])))
        try cache(250).keep(bytes[2], as: keys[2])
        #expect(cache().entry(keys[0])?.bytes == bytes[0])
        #expect(cache().entry(keys[1]) == nil)
        #expect(cache().entry(keys[2])?.bytes == bytes[2])
        // Nothing is left of the one that went.
        try cache(100).keep(bytes[2], as: keys[2])
        #expect(try names("\(folder)/cache") == [lastComponent(try #require(cache().entry(keys[2])).path)])
    }

    /// The number of a process that has ended.
    private func endedProcess() throws -> pid_t {
        let process = try Process.run(URL(filePath: "/bin/true"), arguments: [])
        process.waitUntilExit()
        return process.processIdentifier
    }

    @Test func `what a killed writer left is removed at any time of the clock, and a living writer's stays`()
        throws
    {
        defer { try? files.removeTree(folder) }
        // Killed, as other tests block SIGTERM, and mute, as `swift test` waits for all who hold its output.
        let living = Process()
        living.executableURL = URL(filePath: "/bin/sleep")
        living.arguments = ["600"]
        (living.standardOutput, living.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        try living.run()
        defer {
            kill(living.processIdentifier, SIGKILL)
            living.waitUntilExit()
        }
        let ended = try endedProcess()
        let left =
            ["now", "long ago", "years ahead"].map { ".\($0).\(ended).tmp" } + [".own.\(getpid()).tmp"]
        let stay = [
            ".old.\(living.processIdentifier).tmp", ".written.\(ended).tmp", ".nobody.tmp", "x.\(ended).tmp",
        ]
        try files.createDirectory("\(folder)/cache")
        for name in left + stay { try files.replace("\(folder)/cache/\(name)", [9], mode: 0o600) }
        try age("\(folder)/cache/\(left[1])", hours: 24 * 3650)
        try age("\(folder)/cache/\(left[2])", hours: -24 * 3650)
        for name in stay { try age("\(folder)/cache/\(name)", hours: 24 * 3650) }
        let writer = try FileHandle(forWritingTo: URL(filePath: "\(folder)/cache/\(stay[1])"))
        try cache().keep([1], as: keys[0])
        let kept = try names("\(folder)/cache").filter { $0.hasSuffix(".tmp") }
        // Where the file system cannot say who writes, what may be one's own stays.
        let isKnown = files.isBeingWritten("\(folder)/cache/\(stay[0])") != nil
        #expect(Set(kept) == Set(isKnown ? stay : stay + [left[3]]))
        try writer.close()
    }

    @Test
    func `the cache takes the entries of two workers' drawers, also equal ones, and nothing else`()
        throws
    {
        defer { try? files.removeTree(folder) }
        let drawers = ["1", "2"].map { "\(folder)/\($0)/\(ContentCache.drawerName)" }
        for drawer in drawers { try cache().keep([7, 7], as: keys[0], drawer: drawer) }
        try cache().keep([8], as: keys[1], drawer: drawers[1])
        #expect(cache().entry(keys[0]) == nil)
        for name in ["other", "\(keys[2])", ".\(keys[2]).tmp", "\(keys[2]).x", "\(keys[2]).\(keys[2]).used"] {
            try files.replace("\(drawers[0])/\(name)", [1], mode: 0o600)
        }
        try FileManager.default.createSymbolicLink(
            atPath: "\(drawers[0])/\(keys[2]).\(keys[2])", withDestinationPath: "/etc/passwd")
        for drawer in drawers { try cache().takeOver(drawer) }
        try cache().takeOver(drawers[0])
        #expect(cache().entry(keys[0])?.bytes == [7, 7])
        #expect(cache().entry(keys[1])?.bytes == [8])
        #expect(try names("\(folder)/cache").count == 2)
        for drawer in drawers { #expect(try files.status(drawer) == nil) }
    }

    @Test func `an entry marked in a drawer counts as used once the drawer is taken over`() throws {
        defer { try? files.removeTree(folder) }
        for i in 0..<2 {
            try cache().keep([UInt8](repeating: UInt8(i), count: 100), as: keys[i])
            try age(try #require(cache().entry(keys[i])).path, hours: Double(3 - i))
        }
        let drawer = "\(folder)/job/\(ContentCache.drawerName)"
        try cache().markUsed(try #require(cache().entry(keys[0])), drawer: drawer)
        try cache(100).takeOver(drawer)
        #expect(cache().entry(keys[0]) != nil)
        #expect(cache().entry(keys[1]) == nil)
    }

    @Test func `while the cache takes drawers over, workers always find complete entries`() async throws {
        let (cache, key, folder) = (cache(), keys[0], folder)
        let bytes = [UInt8](repeating: 5, count: 300)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    var found = 0
                    for _ in 0..<25 {
                        let drawer = "\(folder)/\(worker)/\(ContentCache.drawerName)"
                        try cache.keep(bytes, as: key, drawer: drawer)
                        try cache.takeOver(drawer)
                        if cache.entry(key)?.bytes == bytes { found += 1 }
                    }
                    return found
                }
            }
            for try await found in group { #expect(found == 25) }
        }
        try files.removeTree(folder)
    }
}
