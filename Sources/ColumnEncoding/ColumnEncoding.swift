// ColumnEncoding
