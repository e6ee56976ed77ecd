/* Check-ins on their way from gates to the server: push, ack, crash, re-image, partition, restore from a backup.

Modelled is the protocol, not the program: the journal that commits before the lane opens, batches above the acknowledged
number, a server that answers after its commit, and what may be lost in between. `tests/model/spin.py` runs spin over it, once
as designed and once for each BUG_ switch, every one of which must be found.

A uid stands for a row's content; its place is (gate, epoch, seq). Sets of uids are bit masks. The budgets bound the
faults; within them spin looks at every order in which all this can happen.
*/

#ifndef ADMISSIONS
#define ADMISSIONS 3
#endif
#ifndef CRASHES
#define CRASHES 1       /* of lane, sync or server, in sum */
#endif
#ifndef REIMAGES
#define REIMAGES 1
#endif
#ifndef LOSSES
#define LOSSES 1        /* answers or requests lost, patience lost while the request is still on its way */
#endif
#ifndef RESTORES
#define RESTORES 0
#endif
#ifndef POISONS
#define POISONS 0       /* 1: each uid in turn is the record that the server cannot take */
#endif

#define GATES 2
#define EPOCHS 3
#define SEQS 2
#define STREAMS 6
#define PLACES 12
#define NOBODY 255
#define STREAM(g, e) ((g) * EPOCHS + (e))
#define AT(g, e, s) (STREAM(g, e) * SEQS + (s))
#define GATE_OF(place) ((place) / (EPOCHS * SEQS))
#define BIT(uid) (1 << (uid))
#define OPEN_STREAM(g, e) (upto[STREAM(g, e)] < top[STREAM(g, e)])
#define PENDING(g) (OPEN_STREAM(g, 0) || OPEN_STREAM(g, 1) || OPEN_STREAM(g, 2))
#define ACKED(g) (upto[STREAM(g, 0)] + upto[STREAM(g, 1)] + upto[STREAM(g, 2)])

mtype = { ok, refused };

/* On the gates' cards. */
byte journal[PLACES];   /* uid, 0 = no row */
byte top[STREAMS];
byte upto[STREAMS];     /* acked.upto in sync.db */
short aside[GATES];     /* uids in quarantine of sync.db */
short know[GATES];      /* uids that the decision counts: own journal, and `remote` of sync.db */
bool fed[GATES];        /* check-ins of all gates were read to the end once */
byte heard[GATES];      /* the life of the server that the acks speak of */
byte epoch[GATES];

/* On the server's disk. */
byte stored[PLACES];
short has;              /* uids in `stored` */
byte life;
byte backup[PLACES];
short backup_has;
bool backup_made;

/* In the world. */
short opened;           /* the lane opened for these uids */
short gone;             /* lost with a card or a disk before a second copy was anywhere */
short before_wipe[GATES];   /* uids that the server held when this gate's card was lost */
bool doubled;
byte made, poison;
byte ticket[ADMISSIONS + 1];
byte crashes, reimages, losses, restores;
byte serving = NOBODY;

chan request[GATES] = [2] of { byte, byte, byte, byte, byte, byte };   /* no, epoch, first, count, uid, uid */
chan answer[GATES] = [1] of { byte, mtype, byte };                     /* no, word, life */

inline copies(place) {   /* One place: is its row safe where the gate believes it to be? */
  if
  :: journal[place] ->
    if
    :: place % SEQS < upto[place / SEQS] && heard[GATE_OF(place)] == life && !(aside[GATE_OF(place)] & BIT(journal[place])) ->
      assert(stored[place] == journal[place])            /* upto is never above what is durable */
    :: else -> safe = safe | BIT(journal[place])          /* will be sent, or is set aside and shown */
    fi
  :: else
  fi
}

inline check() {
  d_step {
    safe = has;
    copies(0); copies(1); copies(2); copies(3); copies(4); copies(5);
    copies(6); copies(7); copies(8); copies(9); copies(10); copies(11);
    assert(!doubled);
    assert((opened & ~(safe | gone)) == 0);               /* no admission that was answered is lost */
    safe = 0
  }
}

inline forget_acks(g) { upto[STREAM(g, 0)] = 0; upto[STREAM(g, 1)] = 0; upto[STREAM(g, 2)] = 0 }

inline hear(g, which) {   /* The server began anew: what it was known to hold counts for nothing. */
  if
  :: heard[g] != (which) ->
    heard[g] = which;
#ifndef BUG_KEEP_ACKS
    forget_acks(g)
#endif
  :: else
  fi
}

proctype Gate(byte g) {
  byte i, no, sent, first, count, got, of_life, wanted;
  short safe;
  mtype word;
  bool used, waiting, single;
end:
  do
  /* The lane: a ticket that only this gate sees, or one that both do. Journal first, then the door. */
  :: atomic {
      made < ADMISSIONS && fed[g] && top[STREAM(g, epoch[g])] < SEQS ->
      if
      :: wanted = g + 1
      :: wanted = 3
      fi;
      i = 1;
      do
      :: i <= made ->
        if
        :: ticket[i] == wanted && (know[g] & BIT(i)) -> used = true
        :: ticket[i] == wanted && (before_wipe[g] & BIT(i)) -> assert(know[g] & BIT(i))   /* a second life */
        :: else
        fi;
        i++
      :: else -> break
      od;
      i = 0;
      if
      :: used
      :: !used ->
        made++;
        ticket[made] = wanted;
#ifdef BUG_OPEN_BEFORE_COMMIT
        opened = opened | BIT(made);
        if
        :: crashes < CRASHES && epoch[g] + 1 < EPOCHS -> crashes++; epoch[g]++; goto cut
        :: true
        fi;
#endif
        journal[AT(g, epoch[g], top[STREAM(g, epoch[g])])] = made;
        top[STREAM(g, epoch[g])]++;
        know[g] = know[g] | BIT(made);
        opened = opened | BIT(made)
      fi;
#ifdef BUG_OPEN_BEFORE_COMMIT
cut:
#endif
      used = false; wanted = 0;
      check()
    }

  /* Sync: the next batch above the acknowledged number, of any epoch. */
  :: atomic {
      !waiting && PENDING(g) && nfull(request[g]) ->
      if
      :: OPEN_STREAM(g, 0) -> sent = 0
      :: !OPEN_STREAM(g, 0) && OPEN_STREAM(g, 1) -> sent = 1
      :: else -> sent = 2
      fi;
      first = upto[STREAM(g, sent)];
      count = (single -> 1 : top[STREAM(g, sent)] - first);
      no++; waiting = true;
      request[g]!no, sent, first, count, journal[AT(g, sent, first)],
        ((count > 1) -> journal[AT(g, sent, SEQS - 1)] : 0)
    }
  :: atomic {
      waiting && nempty(answer[g]) ->
      answer[g]?got, word, of_life;
      if
      :: got != no                                        /* on a connection that is closed */
      :: got == no && of_life != heard[g] -> waiting = false; hear(g, of_life)
      :: got == no && of_life == heard[g] && word == ok ->
        waiting = false; single = false;
        upto[STREAM(g, sent)] = first + count
      :: got == no && of_life == heard[g] && word == refused && count > 1 -> waiting = false; single = true
      :: got == no && of_life == heard[g] && word == refused && count == 1 ->
        waiting = false; single = false;
#ifdef BUG_DELETE_ON_4XX
        journal[AT(g, sent, first)] = 0;
        upto[STREAM(g, sent)] = first + 1
#else
#ifdef BUG_ASIDE_IN_SECOND_TX
        upto[STREAM(g, sent)] = first + 1;
        if
        :: crashes < CRASHES -> crashes++                 /* between the two */
        :: aside[g] = aside[g] | BIT(journal[AT(g, sent, first)])
        fi
#else
        aside[g] = aside[g] | BIT(journal[AT(g, sent, first)]);
        upto[STREAM(g, sent)] = first + 1
#endif
#endif
      fi;
      got = 0; of_life = 0; word = 0;
      if
      :: !waiting -> sent = 0; first = 0; count = 0
      :: else
      fi;
      check()
    }
  :: atomic { waiting && empty(answer[g]) && empty(request[g]) && serving != g -> waiting = false }
  :: atomic { waiting && losses < LOSSES -> losses++; waiting = false }
  :: atomic { !waiting && nempty(answer[g]) -> answer[g]?_, _, _ }

  /* The feed: everybody's check-ins, the own ones too, from a server that may have begun anew. */
  :: atomic {
      !fed[g] || (has & ~know[g]) || heard[g] != life ->
      know[g] = know[g] | has;
      fed[g] = true;
      hear(g, life);
      check()
    }

  /* A lane that starts begins an epoch. Sync that dies forgets what is under way. sync.db may be lost. */
  :: atomic { crashes < CRASHES && epoch[g] + 1 < EPOCHS && top[STREAM(g, epoch[g])] -> crashes++; epoch[g]++ }
  :: atomic { crashes < CRASHES && waiting -> crashes++; waiting = false; single = false }
  :: atomic {
      crashes < CRASHES && ACKED(g) ->
      crashes++; waiting = false; single = false;
      forget_acks(g); aside[g] = 0;
      check()
    }
  /* Another card: journal and sync.db are new. */
  :: atomic {
      reimages < REIMAGES && epoch[g] + 1 < EPOCHS && top[STREAM(g, epoch[g])] ->
      reimages++; waiting = false; single = false;
      before_wipe[g] = has;
      forget_acks(g); aside[g] = 0; know[g] = 0;
      do
      :: i < EPOCHS * SEQS ->
        if
        :: journal[g * EPOCHS * SEQS + i] && !(has & BIT(journal[g * EPOCHS * SEQS + i])) ->
          gone = gone | BIT(journal[g * EPOCHS * SEQS + i])
        :: else
        fi;
        journal[g * EPOCHS * SEQS + i] = 0;
        top[g * EPOCHS + i / SEQS] = 0;
        i++
      :: else -> break
      od;
      i = 0;
#ifdef BUG_ADMIT_BEFORE_FEED
      fed[g] = true;
#else
      fed[g] = false;
#endif
#ifndef BUG_SEQ_REUSE
      epoch[g]++;
#endif
      check()
    }
  od
}

#define POISONED (poison && (a == poison || b == poison))

inline take(place, uid) {
  if
  :: uid && (!stored[place]) ->
    stored[place] = uid;
    if
    :: has & BIT(uid) -> doubled = true
    :: else -> has = has | BIT(uid)
    fi
#ifdef BUG_NO_KEY
  :: uid && stored[place] == uid -> doubled = true        /* taken in once more */
#endif
  :: else                                                 /* known, or another content: the first one stays */
  fi
}

proctype Server() {
  byte g, no, e, first, count, a, b;
  byte promised[STREAMS];   /* only of a server that keeps the number apart from the rows */
  short safe;
end:
  do
  :: atomic {
      if
      :: nempty(request[0]) -> g = 0
      :: nempty(request[1]) -> g = 1
      fi;
      request[g]?no, e, first, count, a, b;
      serving = g
    }
    if
    :: atomic { losses < LOSSES -> losses++ }             /* the network loses the request */
    :: atomic { crashes < CRASHES -> crashes++ }          /* the server dies before its commit */
    :: atomic {
        POISONED ->
        if
        :: nfull(answer[g]) -> answer[g]!no, refused, life
        :: full(answer[g])
        fi
      }
    :: !POISONED ->
#ifdef BUG_ACK_BEFORE_COMMIT
      atomic {
        if
        :: nfull(answer[g]) -> answer[g]!no, ok, life
        :: full(answer[g])
        fi
      }
      if
      :: atomic { crashes < CRASHES -> crashes++ }
      :: atomic { take(AT(g, e, first), a); take(AT(g, e, first) + 1, b); check() }
      fi
#else
#ifdef BUG_ACK_IN_SECOND_TX
      /* The number is committed first, the rows in a transaction of their own; a resend is answered by the number. */
      if
      :: atomic {
          promised[STREAM(g, e)] < first + count ->
          promised[STREAM(g, e)] = first + count
        }
        if
        :: atomic { crashes < CRASHES -> crashes++; goto done }
        :: atomic { take(AT(g, e, first), a); take(AT(g, e, first) + 1, b); check() }
        fi
      :: else
      fi;
#else
      atomic { take(AT(g, e, first), a); take(AT(g, e, first) + 1, b); check() }
#endif
      if
      :: atomic { crashes < CRASHES -> crashes++ }        /* the server dies before its answer */
      :: atomic { losses < LOSSES -> losses++ }           /* the network loses the answer */
      :: atomic { nfull(answer[g]) -> answer[g]!no, ok, life }
      :: atomic { full(answer[g]) }
      fi
#endif
    fi;
done:
    atomic { serving = NOBODY; g = 0; no = 0; e = 0; first = 0; count = 0; a = 0; b = 0 }

  :: atomic {
      restores < RESTORES && !backup_made && has ->
      backup_made = true; backup_has = has;
      do
      :: e < PLACES -> backup[e] = stored[e]; e++
      :: else -> break
      od;
      e = 0
    }
  :: atomic {
      restores < RESTORES && backup_made && backup_has != has ->
      restores++; life++;
      before_wipe[0] = before_wipe[0] & backup_has;
      before_wipe[1] = before_wipe[1] & backup_has;
      has = backup_has;
      do
      :: e < PLACES -> stored[e] = backup[e]; a = a | BIT(journal[e]); e++
      :: else -> break
      od;
      gone = gone | (opened & ~has & ~a);                 /* on no card any more either */
      e = 0; a = 0;
      check()
    }
  od
}

/* When nothing more can happen, everything has arrived, set-aside rows excepted. */
active proctype Healed() {
  timeout ->
  assert((opened & ~(has | gone | aside[0] | aside[1])) == 0);
  assert(!PENDING(0) && !PENDING(1))
}

init {
  atomic {
#if POISONS
    if
    :: poison = 1
    :: poison = 2
    :: poison = 3
    fi;
#endif
    run Server(); run Gate(0); run Gate(1)
  }
}
