import Foundation
internal import CCurl

/// A file over HTTP from some byte on, given on as it comes: what is not taken is not received, so that nothing piles up.
struct HTTPDownload {
    /// Why a request gave nothing, or not all.
    struct Failure: Error, Equatable {
        /// A sentence.
        let message: String
        /// Whether trying again may help.
        let isTransient: Bool
    }

    /// What the server has sent.
    enum Answer: Equatable {
        /// The rest of the file, from the byte that was asked for.
        case rest
        /// The whole file from its beginning: this server knows no ranges, or that was asked for.
        case whole
        /// Nothing: the byte that was asked for is at the file's end, or beyond.
        case atEnd
    }

    private let offset: Int
    private let begin: (Answer) throws -> Void
    private let receive: (UnsafeRawBufferPointer) throws -> Void
    private var answer: Answer?
    private var error: (any Error)?

    private init(
        offset: Int, begin: @escaping (Answer) throws -> Void,
        receive: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) {
        self.offset = offset
        self.begin = begin
        self.receive = receive
    }

    /// Asks for a file from a byte on, and gives on its bytes in order.
    ///
    /// - Parameters:
    ///   - begin: told what the server sends, before the first bytes.
    ///   - receive: given bytes; what it throws ends the request and is thrown on.
    /// - Throws: `Failure`, or what the two throw.
    static func get(
        _ url: URL, from offset: Int, begin: (Answer) throws -> Void,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Answer {
        try withoutActuallyEscaping(begin) { begin in
            try withoutActuallyEscaping(receive) { receive in
                var download = HTTPDownload(offset: offset, begin: begin, receive: receive)
                return try download.run(url)
            }
        }
    }

    private mutating func run(_ url: URL) throws -> Answer {
        var message = [CChar](repeating: 0, count: 256)
        let offset = Int64(offset)
        let code = withUnsafeMutablePointer(to: &self) { state in
            url.absoluteString.withCString { text in
                var request = cc_request()
                request.url = text
                request.first = offset
                request.context = UnsafeMutableRawPointer(state)
                request.begin = { context, status, first in
                    HTTPDownload.at(context) { try $0.begins(status, at: first) }
                }
                request.receive = { context, bytes, count in
                    HTTPDownload.at(context) {
                        try $0.receive(UnsafeRawBufferPointer(start: bytes, count: count))
                    }
                }
                return cc_get(&request, &message, message.count)
            }
        }
        if let error { throw error }
        let text = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        switch code {
        case Int32(CC_NO_LIBRARY):
            throw Failure(
                message: "downloads need libcurl (apt install libcurl4): \(text)", isTransient: false)
        case Int32(CC_FAILED):
            throw Failure(message: "the connection failed: \(text)", isTransient: true)
        default: return answer ?? .atEnd
        }
    }

    /// Runs a callback on the download that C carries; 1 ends the request.
    private static func at(_ context: UnsafeMutableRawPointer?, _ body: (inout HTTPDownload) throws -> Void)
        -> Int32
    {
        guard let state = context?.assumingMemoryBound(to: HTTPDownload.self) else { return 1 }
        do {
            try body(&state.pointee)
            return 0
        } catch {
            state.pointee.error = error
            return 1
        }
    }

    private mutating func begins(_ status: Int, at first: Int64) throws {
        switch status {
        case 200: answer = .whole
        case 206 where first == Int64(offset): answer = .rest
        case 206:
            throw Failure(message: "the server sent another range than was asked for", isTransient: false)
        case 416: answer = .atEnd
        default:
            throw Failure(
                message: "the server answered \(status)", isTransient: status >= 500 || status == 429)
        }
        if let answer, answer != .atEnd { try begin(answer) }
    }
}
