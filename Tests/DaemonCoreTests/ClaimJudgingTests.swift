import DurableFiles
import Failures
import Foundation
import JobFiles
import ServiceConfiguration
import Testing
import TestSupport

@testable import DaemonCore

/// What the daemon judges of a claimed job by the headers of its pictures, and what it leaves to the worker.
@Suite struct ClaimJudgingTests {
    private let scratch: ScratchFolder
    private let files = PosixFileSystem(followingLinks: false)
    private var inbox: String { "\(scratch.path)/in" }

    init() throws {
        scratch = try ScratchFolder()
        for name in ["in/.clipdragd", "out/.clipdragd"] {
            try files.createDirectory("\(scratch.path)/\(name)")
        }
    }

    /// A picture of these tests is the text of its size; the header of any other does not tell.
    private static let inspection = PictureInspection(
        shortestSide: 32, completeness: { _ in .complete },
        size: { bytes in
            let numbers = String(decoding: bytes, as: UTF8.self).split(separator: "x").compactMap { Int($0) }
            return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
        })

    /// The code of the mistake in a job with this spec; nil: none is found.
    private func code(_ spec: String, picture: String, mask: String = "", pixels: Int = 1_000_000) throws
        -> String?
    {
        var configuration = Configuration()
        (configuration.inboxes, configuration.outbox) = ([.init(path: inbox)], "\(scratch.path)/out")
        configuration.limits.pixels = pixels
        let store = ClaimStore(files: files, configuration: configuration, pictures: Self.inspection)
        for (name, text) in [("x.yaml", spec), ("x.png", picture), ("m.png", mask)] {
            try files.replace("\(inbox)/\(name)", Array(text.utf8), mode: 0o644)
        }
        let others = mask.isEmpty ? [] : ["m.png"]
        var pair = Pair(inbox: inbox, spec: "x.yaml", image: "x.png", others: others, priority: 0, dropped: 0)
        for name in ["x.yaml", "x.png"] + others {
            pair.stamps[name] = try files.status("\(inbox)/\(name)").map { FileStamp($0) }
        }
        let job = try #require(try store.claim(pair, id: "1-1-abcdef-1"))
        defer { try? store.returnToInbox(job) }
        return store.mistake(in: job)?.code
    }

    private let point = "drags: [{from: [10, 10], to: [70, 20]}]\n"

    @Test func `what lies outside the picture is a mistake when the header tells the picture's size`() throws
    {
        #expect(try code(point, picture: "64x64") == "spec.point_outside")
        #expect(try code(point, picture: "71x64") == nil)
        let masked = "prompt: x\nmask: m.png\n"
        #expect(try code(masked, picture: "64x40", mask: "64x41") == "spec.mask_size")
        #expect(try code(masked, picture: "64x40", mask: "128x80") == nil)
        #expect(
            try code(masked, picture: "64x40", mask: "8x8") == "spec.mask_size", "a mask has no least side")
        let region = "prompt: x\nregion: {rect: [50, 0, 40, 40]}\n"
        #expect(try code(region, picture: "64x64") == "spec.region")
        #expect(try code(region, picture: "90x64") == nil)
    }

    @Test func `the worker judges a picture whose header does not tell, and one that it refuses anyway`()
        throws
    {
        for picture in ["a GIF", "64x", "20x64", "2000x2000", "\(1 << 62)x\(1 << 62)"] {
            #expect(try code(point, picture: picture) == nil, "\(picture)")
        }
        let masked = "prompt: x\nmask: m.png\n"
        for mask in ["a GIF", "4000x4000"] {
            #expect(try code(masked, picture: "64x64", mask: mask) == nil, "\(mask)")
        }
        // The limit of the configuration counts.
        #expect(try code(point, picture: "64x64", pixels: 4095) == nil)
        #expect(try code(point, picture: "64x64", pixels: 4096) == "spec.point_outside")
    }

    @Test func `the daemon reads no picture for a spec that needs no size`() throws {
        let inspection = PictureInspection(
            shortestSide: 32, completeness: { _ in .complete },
            size: { _ in
                Issue.record("it was asked")
                return nil
            })
        let store = ClaimStore(files: files, configuration: Configuration(), pictures: inspection)
        for (name, text) in [("y.yaml", "prompt: x\nregion: auto\n"), ("y.png", "64x64")] {
            try files.replace("\(inbox)/\(name)", Array(text.utf8), mode: 0o644)
        }
        var pair = Pair(inbox: inbox, spec: "y.yaml", image: "y.png", others: [], priority: 0, dropped: 0)
        for name in ["y.yaml", "y.png"] {
            pair.stamps[name] = try files.status("\(inbox)/\(name)").map { FileStamp($0) }
        }
        let job = try #require(try store.claim(pair, id: "1-1-abcdef-2"))
        #expect(store.mistake(in: job) == nil)
    }
}

extension PictureInspection {
    /// Every picture is whole, and no header tells its size.
    static let wholeOnly = PictureInspection(
        shortestSide: 32, completeness: { _ in .complete }, size: { _ in nil })
}
