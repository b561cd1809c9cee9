package tracker3

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
)

// A store is the tracker's database.
type store interface {
	downloads(context.Context) (map[infoHash]uint32, error)
	download(context.Context, infoHash, uint32) error
	keys(context.Context) ([]key, error)
	addKey(context.Context, key) error
	removeKey(context.Context, string) error
	whitelist(context.Context) ([]infoHash, error)
	list(context.Context, infoHash, bool) error
	close()
}

// openStore opens the database that the configuration names; nil is none. One
// that cannot be reached is an error: the tracker does not wait for it.
func openStore(ctx context.Context, d *database, say func(string, ...any)) (store, error) {
	if d == nil {
		return nothing{}, nil
	}
	if d.Driver != "mysql" {
		say("warning: the stand-in writes no SQLite file: keys, whitelist and downloads are in memory only")
		return nothing{}, nil
	}
	port := d.Port
	if port == 0 {
		port = 3306
	}
	c := mysql.NewConfig()
	c.Net, c.Addr = "tcp", net.JoinHostPort(d.Host, strconv.Itoa(port))
	c.User, c.Passwd, c.DBName, c.Timeout = d.User, d.Password, d.Database, 5*time.Second
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	s := inMySQL{sql.OpenDB(connector)}
	for _, table := range tables {
		if _, err := s.db.ExecContext(ctx, table); err != nil {
			s.close()
			return nil, fmt.Errorf("database %s at %s: %w", d.Database, c.Addr, err)
		}
	}
	return s, nil
}

// tables are made where they are missing.
var tables = []string{
	"CREATE TABLE IF NOT EXISTS whitelist (id integer PRIMARY KEY AUTO_INCREMENT, info_hash VARCHAR(40) NOT NULL UNIQUE)",
	"CREATE TABLE IF NOT EXISTS torrents (id integer PRIMARY KEY AUTO_INCREMENT, info_hash VARCHAR(40) NOT NULL UNIQUE, completed INTEGER DEFAULT 0 NOT NULL)",
	"CREATE TABLE IF NOT EXISTS `keys` (id integer PRIMARY KEY AUTO_INCREMENT, `key` VARCHAR(32) NOT NULL UNIQUE, valid_until BIGINT)",
}

type inMySQL struct{ db *sql.DB }

func (s inMySQL) close() { s.db.Close() }

// each calls scan for every row of a query.
func (s inMySQL) each(ctx context.Context, query string, scan func(*sql.Rows) error) error {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s inMySQL) downloads(ctx context.Context) (map[infoHash]uint32, error) {
	all := map[infoHash]uint32{}
	return all, s.each(ctx, "SELECT info_hash, completed FROM torrents", func(rows *sql.Rows) error {
		var text string
		var n uint32
		if err := rows.Scan(&text, &n); err != nil {
			return err
		}
		torrent, err := parseHash(text)
		all[torrent] = n
		return err
	})
}

func (s inMySQL) download(ctx context.Context, t infoHash, n uint32) error {
	_, err := s.db.ExecContext(ctx, "INSERT INTO torrents (info_hash, completed) VALUES (?, ?) ON DUPLICATE KEY UPDATE completed = VALUES(completed)", hex.EncodeToString(t[:]), n)
	return err
}

func (s inMySQL) keys(ctx context.Context) ([]key, error) {
	var all []key
	return all, s.each(ctx, "SELECT `key`, valid_until FROM `keys`", func(rows *sql.Rows) error {
		var k key
		err := rows.Scan(&k.Key, &k.ValidUntil)
		all = append(all, k)
		return err
	})
}

func (s inMySQL) addKey(ctx context.Context, k key) error {
	_, err := s.db.ExecContext(ctx, "INSERT INTO `keys` (`key`, valid_until) VALUES (?, ?)", k.Key, k.ValidUntil)
	return err
}

func (s inMySQL) removeKey(ctx context.Context, text string) error {
	result, err := s.db.ExecContext(ctx, "DELETE FROM `keys` WHERE `key` = ?", text)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return errors.New("the key is not there")
	}
	return nil
}

func (s inMySQL) whitelist(ctx context.Context) ([]infoHash, error) {
	var all []infoHash
	return all, s.each(ctx, "SELECT info_hash FROM whitelist", func(rows *sql.Rows) error {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		torrent, err := parseHash(text)
		all = append(all, torrent)
		return err
	})
}

func (s inMySQL) list(ctx context.Context, t infoHash, listed bool) error {
	query := "INSERT IGNORE INTO whitelist (info_hash) VALUES (?)"
	if !listed {
		query = "DELETE FROM whitelist WHERE info_hash = ?"
	}
	_, err := s.db.ExecContext(ctx, query, hex.EncodeToString(t[:]))
	return err
}

// nothing keeps nothing.
type nothing struct{}

func (nothing) downloads(context.Context) (map[infoHash]uint32, error) { return nil, nil }
func (nothing) download(context.Context, infoHash, uint32) error       { return nil }
func (nothing) keys(context.Context) ([]key, error)                    { return nil, nil }
func (nothing) addKey(context.Context, key) error                      { return nil }
func (nothing) removeKey(context.Context, string) error                { return nil }
func (nothing) whitelist(context.Context) ([]infoHash, error)          { return nil, nil }
func (nothing) list(context.Context, infoHash, bool) error             { return nil }
func (nothing) close()                                                 {}
