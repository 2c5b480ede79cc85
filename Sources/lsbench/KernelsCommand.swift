// `lsbench kernels`: the products of matrices by themselves, at the shapes of training and scoring.
import ArgumentParser
import Benchmarking

struct KernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "Time the matrix products that rankers use.",
        discussion: "Each thread computes the whole product on its own matrices.")

    @Option(help: "Threads, 1 to 256.") var threads = 1
    @Option(help: "Rounds of each product.") var rounds = 100

    func validate() throws {
        guard (1...256).contains(threads), (1...1_000_000).contains(rounds) else {
            throw ValidationError("expected 1 to 256 threads and 1 to 1000000 rounds")
        }
    }

    func run() throws {
        let peak = MachinePeak.gigaflops(threadCount: threads)
        let columns = Columns(KernelCase.heading)
        var lines: [String] = []
        for shape in ProductShape.all {
            for way in BareProduct.Way.allCases {
                let times = shape.times(way, threadCount: threads, rounds: rounds)
                let measured = KernelCase(shape, way, times, threads, peak)
                columns.row(measured.cells)
                lines.append(oneLine(measured))
            }
        }
        for line in lines { print(line) }
    }
}

struct KernelCase: Encodable {
    let bench = "kernels"
    let name: String
    let way: String
    let precision = "float32"
    let m, n, k: Int
    let threadCount: Int
    let secondsMin: Double
    let secondsMedian: Double
    /// The rate at the median time, all threads together.
    let gigaflops: Double
    let peakGigaflops: Double
    let shareOfPeak: Double
    let machine: Machine

    init(
        _ shape: ProductShape, _ way: BareProduct.Way, _ times: Times, _ threadCount: Int,
        _ peak: Double
    ) {
        name = shape.name
        self.way = way.rawValue
        (m, n, k) = (shape.m, shape.n, shape.k)
        self.threadCount = threadCount
        (secondsMin, secondsMedian) = (figure(times.least), figure(times.median))
        let rate = shape.operations * Double(threadCount) / times.median / 1e9
        (gigaflops, peakGigaflops, shareOfPeak) = (figure(rate), figure(peak), figure(rate / peak))
        machine = .current()
    }

    static let heading: [(name: String, width: Int)] = [
        ("product", 19), ("by", 20), ("shape", 16), ("min us", 8), ("median", 8), ("GFLOP/s", 7),
        ("of peak", 7),
    ]

    /// The cells of a row below `heading`.
    var cells: [String] {
        [
            name, way, "\(m) x \(k) x \(n)", text(secondsMin * 1e6, 1),
            text(secondsMedian * 1e6, 1),
            text(gigaflops, 0), text(100 * shareOfPeak, 0) + " %",
        ]
    }
}
