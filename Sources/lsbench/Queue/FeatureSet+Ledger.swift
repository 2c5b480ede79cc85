// Synthetic features into the ledger, as `lscoord features import` brings real ones in.
import LanguageSystem
import Ledger
import Rankers

extension LedgerStore {
    func importFeatures(_ set: FeatureSet) async throws -> ImportedFeatureSet {
        try await importFeatureSet(
            FeatureSetDescription(set), queries: [QueryDescription](set)
        ) { range in set.withBytes { Array($0[range]) } }
    }
}

extension FeatureSetDescription {
    fileprivate init(_ set: FeatureSet) {
        self.init(
            digest: set.digest, byteCount: Int64(set.byteCount), baseModel: set.metadata.baseModel,
            domain: set.metadata.domain, split: set.metadata.split, user: nil,
            labelKind: set.metadata.labelKind.rawValue, hiddenSize: set.hiddenSize,
            queryCount: set.queryCount, responseCount: Int64(set.responseCount), layer: nil,
            layerFraction: nil)
    }
}

extension [QueryDescription] {
    fileprivate init(_ set: FeatureSet) {
        self = (0..<set.queryCount).map { index in
            let rows = set.offsets[index]..<set.offsets[index + 1]
            return QueryDescription(
                id: "\(index)", level: nil, firstRow: Int64(rows.lowerBound),
                candidateCount: rows.count, positiveCount: rows.count { set.labels[$0] > 0 })
        }
    }
}
