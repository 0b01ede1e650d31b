//! Several lists as one, without disturbing the order of any: equal entries share a row.

/// Rows of (list, index in it). Each list's entries stand in its own order; an entry that the lists before have not is
/// put before the row where its list meets them again.
pub fn merge<K: PartialEq>(lists: &[Vec<K>]) -> Vec<Vec<(usize, usize)>> {
    let mut rows: Vec<Vec<(usize, usize)>> = Vec::new();
    for (list, keys) in lists.iter().enumerate() {
        let mut next = 0;
        for index in 0..keys.len() {
            let is = |row: &[(usize, usize)], key: &K| lists[row[0].0][row[0].1] == *key;
            match rows[next..].iter().position(|row| is(row, &keys[index])) {
                Some(ahead) => {
                    next += ahead;
                    rows[next].push((list, index));
                }
                None => {
                    let meets = rows[next..].iter().position(|row| keys[index + 1..].iter().any(|key| is(row, key)));
                    next = meets.map_or(rows.len(), |ahead| next + ahead);
                    rows.insert(next, vec![(list, index)]);
                }
            }
            next += 1;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::merge;

    fn merged(lists: &[&str]) -> String {
        let lists: Vec<Vec<char>> = lists.iter().map(|list| list.chars().collect()).collect();
        let row = |row: &Vec<(usize, usize)>| {
            let who: String = row.iter().map(|(list, _)| list.to_string()).collect();
            format!("{}{who}", lists[row[0].0][row[0].1])
        };
        merge(&lists).iter().map(row).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn equal_entries_share_a_row() {
        assert_eq!(merged(&["abc", "abc", "abc"]), "a012 b012 c012");
        assert_eq!(merged(&["ae", "ce", "bce"]), "a0 b2 c12 e012");
        assert_eq!(merged(&["a", "b", "c"]), "a0 b1 c2");
        assert_eq!(merged(&["ab", "ba"]), "a0 b01 a1");
        assert_eq!(merged(&["", "aa", "a"]), "a12 a1");
    }

    proptest! {
        #[test]
        fn every_entry_is_there_once_and_in_order(lists in proptest::collection::vec(proptest::collection::vec(0u8..6, 0..8), 0..5)) {
            let rows = merge(&lists);
            for (number, list) in lists.iter().enumerate() {
                let seen: Vec<usize> = rows.iter().flatten().filter(|(list, _)| *list == number).map(|(_, index)| *index).collect();
                prop_assert_eq!(seen, (0..list.len()).collect::<Vec<_>>());
            }
            for row in &rows {
                prop_assert!(row.iter().all(|(list, index)| lists[*list][*index] == lists[row[0].0][row[0].1]));
            }
        }
    }
}
