import Foundation
import FoundationNetworking
import Synchronization

/// A part of a file over HTTP, given on as it comes.
///
/// Asked for in ranges, so that what waits to be written stays small, and an interrupted download goes on where it was.
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
        /// The range that was asked for; `total` bytes is the whole file, where the server says so.
        case range(total: Int?)
        /// The whole file from its beginning: this server knows no ranges.
        case whole
        /// The range begins at the file's end, or beyond.
        case atEnd
    }

    /// Bytes asked for in one request.
    static let rangeSize = 64 << 20
    /// Seconds without a byte after which a request is given up.
    private static let patience: TimeInterval = 60

    /// Asks for a range, and gives on its bytes in order.
    ///
    /// - Parameters:
    ///   - begin: told what the server sends, before the first bytes.
    ///   - receive: given bytes; what it throws ends the request and is thrown on.
    static func range(
        of url: URL, from offset: Int, begin: @escaping @Sendable (Answer) throws -> Void,
        receive: @escaping @Sendable (Data) throws -> Void
    ) throws -> Answer {
        var request = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: patience)
        request.setValue("bytes=\(offset)-\(offset + rangeSize - 1)", forHTTPHeaderField: "Range")
        request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        let reader = Reader(offset: offset, begin: begin, receive: receive)
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = 1
        let session = URLSession(configuration: .ephemeral, delegate: reader, delegateQueue: queue)
        session.dataTask(with: request).resume()
        defer { session.finishTasksAndInvalidate() }
        return try reader.wait()
    }

    /// Receives one request on the session's queue.
    private final class Reader: NSObject, URLSessionDataDelegate, Sendable {
        private struct State {
            var answer: Answer?
            var error: (any Error)?
        }

        private let offset: Int
        private let begin: @Sendable (Answer) throws -> Void
        private let receive: @Sendable (Data) throws -> Void
        private let state = Mutex(State())
        private let done = DispatchSemaphore(value: 0)

        init(
            offset: Int, begin: @escaping @Sendable (Answer) throws -> Void,
            receive: @escaping @Sendable (Data) throws -> Void
        ) {
            self.offset = offset
            self.begin = begin
            self.receive = receive
        }

        func wait() throws -> Answer {
            done.wait()
            return try state.withLock { state in
                if let error = state.error { throw error }
                return state.answer ?? .atEnd
            }
        }

        func urlSession(
            _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
            completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
        ) {
            do {
                let answer = try Self.answer(response, offset)
                state.withLock { $0.answer = answer }
                if answer != .atEnd { try begin(answer) }
                completionHandler(answer == .atEnd ? .cancel : .allow)
            } catch {
                state.withLock { $0.error = error }
                completionHandler(.cancel)
            }
        }

        func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
            guard state.withLock({ $0.error == nil }) else { return }
            do { try receive(data) } catch {
                state.withLock { $0.error = error }
                dataTask.cancel()
            }
        }

        func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
            state.withLock { state in
                if let error, state.error == nil, state.answer != .atEnd {
                    state.error = Failure(
                        message: "the connection failed: \(error.localizedDescription)", isTransient: true)
                }
            }
            done.signal()
        }

        private static func answer(_ response: URLResponse, _ offset: Int) throws -> Answer {
            guard let response = response as? HTTPURLResponse else {
                throw Failure(message: "the server does not speak HTTP", isTransient: false)
            }
            let range = response.value(forHTTPHeaderField: "Content-Range") ?? ""
            switch response.statusCode {
            case 200: return .whole
            case 206:
                // bytes 100-199/5000, or /* where the server does not know
                guard let match = range.wholeMatch(of: /bytes (\d+)-\d+\/(\d+|\*)/), Int(match.1) == offset else {
                    throw Failure(message: "the server sent another range: `\(range)`", isTransient: false)
                }
                return .range(total: Int(match.2))
            case 416: return .atEnd
            default:
                throw Failure(
                    message: "the server answered \(response.statusCode)",
                    isTransient: response.statusCode >= 500 || response.statusCode == 429)
            }
        }
    }
}
