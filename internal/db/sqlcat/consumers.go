package sqlcat

import (
	"cmp"
	"context"
	"slices"

	"packregistry/internal/db"
)

// PutConsumers implements db.Consumers.
func (c *Catalogue) PutConsumers(ctx context.Context, list []db.Consumer) error {
	if len(list) == 0 {
		return nil
	}
	// In one order, so that replicas that write the same ones do not wait for each other.
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b db.Consumer) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	})
	n := len(list)
	accounts, names, namespaces, marks := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	seqs, seen := make([]int64, n), make([]int64, n)
	for i, x := range list {
		if err := checkStorable(x.Account, x.Name, x.Namespace, x.At.Mark); err != nil {
			return err
		}
		accounts[i], names[i], namespaces[i], seqs[i], marks[i], seen[i] = x.Account, x.Name, x.Namespace, x.At.Seq, x.At.Mark, micros(x.SeenAt)
	}
	return c.b.Write(ctx, func(tx Tx) error {
		if err := tx.Insert(ctx, "sync_consumers", `ON CONFLICT (account, consumer, namespace) DO UPDATE
 SET seq = excluded.seq, mark = excluded.mark, seen_at = excluded.seen_at WHERE excluded.seen_at >= sync_consumers.seen_at`,
			Column{"account", accounts}, Column{"consumer", names}, Column{"namespace", namespaces}, Column{"seq", seqs}, Column{"mark", marks},
			Column{"first_at", seen}, Column{"seen_at", seen}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM sync_consumers WHERE seen_at < $1`, micros(c.now().Add(-db.ConsumerLife))); err != nil {
			return err
		}
		for _, account := range slices.Compact(slices.Clone(accounts)) {
			if _, err := tx.Exec(ctx, `DELETE FROM sync_consumers WHERE account = $1 AND (consumer, namespace) IN (
 SELECT consumer, namespace FROM sync_consumers WHERE account = $1 ORDER BY seen_at DESC, consumer, namespace LIMIT $2 OFFSET $3)`,
				account, db.MaxConsumers*100, db.MaxConsumers); err != nil {
				return err
			}
		}
		return nil
	})
}

// Consumers implements db.Consumers.
func (c *Catalogue) Consumers(ctx context.Context, account string) ([]db.ConsumerStanding, error) {
	list := []db.ConsumerStanding{}
	where, args := "", []any{}
	if account != "" {
		if !storable(account) {
			return list, nil
		}
		where, args = ` WHERE account = $1`, []any{account}
	}
	err := c.b.Read(ctx, func(tx Tx) error {
		list = []db.ConsumerStanding{}
		head, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT account, consumer, namespace, seq, mark, first_at, seen_at,
 CASE WHEN seq = 0 THEN 1 ELSE (SELECT count(*) FROM changes h WHERE h.seq = sync_consumers.seq AND h.mark = sync_consumers.mark) END
 FROM sync_consumers`+where+` ORDER BY account, consumer, namespace`, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var x db.ConsumerStanding
			var first, seen, known int64
			if err := rows.Scan(&x.Account, &x.Name, &x.Namespace, &x.At.Seq, &x.At.Mark, &first, &seen, &known); err != nil {
				return err
			}
			x.FirstAt, x.SeenAt, x.Gone = fromMicros(first), fromMicros(seen), known == 0
			list = append(list, x)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows.Close()
		for i := range list {
			if err := readLag(ctx, tx, &list[i], head); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// readLag counts what a consumer lacks; most lack nothing, which the head tells.
func readLag(ctx context.Context, tx Tx, x *db.ConsumerStanding, head db.Mark) error {
	if x.Gone || x.At == head || x.At.Seq >= head.Seq {
		return nil
	}
	var lag, oldest int64
	err := tx.QueryRow(ctx, `SELECT count(*), COALESCE(min(at), 0) FROM (
 SELECT at FROM changes WHERE seq > $1 AND ($2 = '*' OR namespace = $2) ORDER BY seq LIMIT $3) lacking`, x.At.Seq, x.Namespace, db.MaxLag).Scan(&lag, &oldest)
	x.Lag, x.Oldest = int(lag), fromMoment(oldest)
	return notMissing(err)
}
